"""The model card says what was trained, on what, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard
from PIL import Image

from genrl.config import RunConfig, resolve
from genrl.errors import ConfigError
from genrl.export import FILE, PipelineFacts, Record, read_record, write_card
from genrl.statistics import bootstrap

FLUX = PipelineFacts("FluxPipeline", "FlowMatchEulerDiscreteScheduler", ("transformer",), video=False, lora=True)
WAN = PipelineFacts("WanPipeline", "UniPCMultistepScheduler", ("transformer", "transformer_2"), video=True, lora=True)
BEFORE, AFTER = np.linspace(0, 1, 8), np.linspace(0, 1, 8) + 0.25


def config(**sets: object) -> RunConfig:
    said = {
        "model.path": "black-forest-labs/FLUX.1-dev",
        "model.dtype": "bfloat16",
        "model.call.height": 512,
        "prompts.source": "/home/somebody/secret/prompts.txt",
        "train.max_steps": 9,
    }
    flags = {"rewards": ["jpeg-size=-0.5", "/home/somebody/secret/mine.py:legible"]}
    return resolve("mix-grpo", sets=[f"{key}={value}" for key, value in (said | sets).items()], flags=flags)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run that was evaluated before training and at iterations 4 and 8."""
    (tmp_path / "evaluations").mkdir()
    (tmp_path / "grids").mkdir()
    for step, values in ((0, BEFORE), (4, AFTER), (8, AFTER + 1)):
        numbers = {"reward": values.tolist(), "rewards/legible": values.tolist(), "sharpness": values.tolist()}
        (tmp_path / "evaluations" / f"step-{step:06d}.json").write_text(json.dumps(numbers))
        Image.new("L", (step + 1, 1)).save(tmp_path / "grids" / f"step-{step:06d}.png")
    (tmp_path / "environment.yaml").write_text(yaml.safe_dump({"genrl": "9.9", "torch": "8.8", "git": "0123abc"}))
    return tmp_path


def card(run: Path, settled: RunConfig, step: int, facts: PipelineFacts = FLUX, repository: str = "") -> ModelCard:
    folder = run / "model"
    folder.mkdir(exist_ok=True)
    write_card(folder, run, settled, Record(settled.algorithm_name, step, facts, {}), repository)
    return ModelCard.load(folder / "README.md")


def test_metadata_is_what_the_hub_filters_by(run: Path) -> None:
    data = card(run, config(), 8).data
    assert (data.base_model, data.library_name, data.pipeline_tag) == (
        "black-forest-labs/FLUX.1-dev",
        "diffusers",
        "text-to-image",
    )
    assert data.to_dict()["base_model_relation"] == "adapter"
    assert {"genrl", "mix-grpo", "lora", "text-to-image"} <= set(data.tags)
    assert data.datasets is None
    full = card(run, config(**{"model.weights": "full", "prompts.source": "owner/texts"}), 8, WAN).data
    assert full.to_dict()["base_model_relation"] == "finetune"
    assert (full.pipeline_tag, full.datasets) == ("text-to-video", ["owner/texts"])
    assert "lora" not in full.tags


def test_a_base_that_is_on_no_hub_is_not_named_as_if_it_were(run: Path) -> None:
    (run / "local").mkdir()
    assert card(run, config(**{"model.path": run / "local"}), 8).data.base_model is None
    assert card(run, config(**{"model.path": "scenes"}), 8).data.base_model is None


def test_gains_are_those_of_the_last_evaluation_that_the_weights_have_seen(run: Path) -> None:
    text = card(run, config(), 7).text
    expected = f"| reward | {bootstrap(BEFORE)} | {bootstrap(AFTER)} | {bootstrap(AFTER - BEFORE)} |"
    assert expected in text
    assert "after 4 iterations, 8 samples" in text
    assert "trained by reinforcement learning for 7 of 9 iterations" in text
    assert "sharpness (never trained on)" in text
    assert "![after](after.png)" in text
    assert Image.open(run / "model" / "after.png").size == (5, 1)


def test_a_run_that_was_not_evaluated_after_training_claims_nothing(run: Path) -> None:
    text = card(run, config(), 2).text
    assert "Not measured after training." in text
    assert "![after]" not in text


def test_it_names_method_rewards_versions_and_settings_but_no_folder_of_the_machine(run: Path) -> None:
    text = card(run, config(), 8, repository="me/sharper").text
    for part in ("# sharper", "arxiv.org/abs/2507.21802", "| jpeg-size | -0.5 |", "| mine.py:legible | 1 |", "@article{"):
        assert part in text
    for part in ("genrl 9.9, torch 8.8", "sliding-window", "learning_rate: 1.0e-05", "Prompts: prompts.txt."):
        assert part in text
    assert "somebody" not in text
    assert "0123abc" not in text
    assert 'pipe.load_lora_weights("me/sharper")' in text
    assert "25 Euler steps on the pipeline's own grid" in text


def test_a_foreign_solver_and_autocast_are_said(run: Path) -> None:
    settled = config(**{"train.mixed_precision": "bf16", "model.dtype": "float32", "evaluation.steps": 6})
    text = card(run, settled, 8, WAN).text
    assert "UniPCMultistepScheduler, takes the steps" in text
    assert "num_inference_steps=6" in text
    assert "with torch.autocast(device, torch.bfloat16):" in text
    assert "torch.autocast" not in card(run, config(**{"train.mixed_precision": "bf16"}), 8, WAN).text
    assert 'pipe.transformer_2.load_lora_adapter(".", prefix="transformer_2"' in text


def test_a_record_is_read_back_and_a_damaged_one_says_so(tmp_path: Path) -> None:
    record = Record("mix-grpo", 3, WAN, {"sampling": {"steps": 5}})
    record.write(tmp_path)
    assert read_record(tmp_path) == record
    for text in ("{", "{}", "[]", '{"pipeline": {}}'):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(ConfigError, match="genrl export RUN"):
            read_record(tmp_path)
