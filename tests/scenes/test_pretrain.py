import json
import math

import pytest
import torch

from genrl.scenes.folder import load_folder, sample
from genrl.scenes.pretrain import evaluate
from genrl.scenes.pretrain.data import make_batch
from genrl.scenes.pretrain.loop import Settings, pretrain, train_step
from genrl.scenes.pretrain.optim import rate_factor
from genrl.scenes.pretrain.state import State, load_checkpoint, new_state, save_checkpoint

PROMPTS = ["a red circle", "two blue squares", "a red circle left of a blue square"]


def _weights(state: State) -> list[torch.Tensor]:
    return state.parameters() + state.averaged()


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[State, Settings]:
    patch = pytest.MonkeyPatch()
    patch.setattr(evaluate, "EVAL_PROMPTS", 12)
    patch.setattr(evaluate, "EVAL_STEPS", (2,))
    evaluate.evaluation_prompts.cache_clear()
    settings = Settings(tmp_path_factory.mktemp("run"), steps=4, batch_size=4, bf16=False, checkpoint_every=2)
    yield pretrain(settings), settings
    patch.undo()
    evaluate.evaluation_prompts.cache_clear()


def test_a_batch_depends_on_seed_and_step_alone():
    first, again, other = make_batch(0, 3, 8), make_batch(0, 3, 8), make_batch(0, 4, 8)
    assert first.prompts == again.prompts
    assert torch.equal(first.x0, again.x0)
    assert torch.equal(first.noise, again.noise)
    assert not torch.equal(first.x0, other.x0)
    assert first.x0.min() >= -1
    assert first.x0.max() <= 1
    assert first.x0.min() < 0
    assert ((first.time > 0) & (first.time < 1)).all()


def test_rates_warm_up_stay_and_fall():
    factors = [rate_factor(step, 1000) for step in range(1000)]
    assert factors[0] < 0.01
    assert factors[199] == factors[500] == 1.0
    assert factors[-1] < 0.03
    assert factors == factors[:551] + sorted(factors[551:], reverse=True)
    assert math.isclose(rate_factor(0, 2), 0.5)


def test_a_resumed_run_is_bit_identical(run, tmp_path):
    whole, settings = run
    half = new_state(0)
    for _ in range(2):
        train_step(half, half.pipeline.transformer, settings)
    save_checkpoint(half, tmp_path / "checkpoint.pt")
    resumed = pretrain(
        Settings(tmp_path, steps=4, batch_size=4, bf16=False, resume=True, evaluate_every=100, checkpoint_every=100)
    )
    assert resumed.step == whole.step == 4
    assert all(torch.equal(a, b) for a, b in zip(_weights(resumed), _weights(whole), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(_weights(resumed), _weights(half), strict=True))


def test_the_exported_folder_loads_and_samples_like_the_average(run):
    state, settings = run
    loaded = load_folder(settings.output / "model")
    assert loaded.transformer.dtype == loaded.text_encoder.dtype == torch.float32
    pictures = sample(loaded, PROMPTS, 4, seed=3)
    assert pictures.shape == (3, 3, 32, 32)
    torch.testing.assert_close(pictures, sample(state.average, PROMPTS, 4, seed=3), atol=0.02, rtol=0)


def test_the_log_has_the_numbers(run):
    _, settings = run
    row = json.loads((settings.output / "eval.jsonl").read_text().splitlines()[-1])
    assert set(row) == {"step", "strict@2", "correctness@2", "quality@2"}
    assert row["step"] == 4
    assert (settings.output / "samples.png").is_file()


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="--resume"):
        load_checkpoint(new_state(0), tmp_path / "checkpoint.pt")
