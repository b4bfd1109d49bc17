"""Every family, saved to disk and loaded as `--model FOLDER` does it: the same numbers as the pipeline, to the last bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from diffusers import DiffusionPipeline
from safetensors.torch import load_file
from torch import Tensor
from typer.testing import CliRunner

from genrl.cli.app import app
from genrl.models import DiffusersModel, add_lora, load_lora, load_model
from genrl.models.saving import LORA_FILE
from genrl.policy import WeightedPolicy
from genrl.rollout import replay, walk
from genrl.solvers import Euler
from genrl.types import Prompt, Sampling, StepPlan
from tests.models.recording import families
from tests.tiny_pipelines import PROMPTS, build

#: Families whose latents are those of their pipeline; of the others only the rounding differs.
CONVERTED = ("sd15", "sdxl")
RECIPES = ("neighbor-grpo", "dance-grpo", "mix-grpo")
TRAINED = ("sd3", "flux", "wan")
#: A divisor of 1000; see `test_conversion.py`.
STEPS = 4

every_family = pytest.mark.parametrize("family", families())


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder of a family's pipeline, written once."""
    root = tmp_path_factory.mktemp("families")

    def folder(family: str) -> Path:
        if not (root / family).exists():
            build(family).pipe.save_pretrained(root / family)
        return root / family

    return folder


def loaded(saved: Any, family: str) -> tuple[DiffusersModel, dict[str, Any]]:
    """The model, and what its pipeline is called with for one prompt."""
    tiny = build(family)
    model = load_model(saved(family), call=tiny.call)
    model.pipe.set_progress_bar_config(disable=True)
    return model, tiny.arguments(1)


def own_run(pipe: Any, call: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """The first latents and the media of the pipeline's own run for one prompt."""
    seen: list[Tensor] = []
    step = pipe.scheduler.step

    def watching(output: Tensor, timestep: Tensor, sample: Tensor, *args: Any, **kwargs: Any) -> Any:
        seen.append(sample.clone())
        return step(output, timestep, sample, *args, **kwargs)

    pipe.scheduler.step = watching
    try:
        media = pipe(
            prompt=[PROMPTS[1]],
            num_inference_steps=STEPS,
            generator=torch.Generator().manual_seed(1),
            output_type="pt" if "vae" in pipe.components else "np",
            **call,
        )[0]
    finally:
        del pipe.scheduler.step
    return seen[0], media if isinstance(media, Tensor) else torch.from_numpy(media).movedim(-1, -3)


@every_family
@torch.no_grad()
def test_own_scheduler_with_our_velocities_draws_what_the_pipeline_draws(saved: Any, family: str) -> None:
    model, call = loaded(saved, family)
    x, media = own_run(model.pipe, call)
    (condition, _), sigmas = model.encode(PROMPTS[1:2]), model.sigmas(STEPS)
    scheduler = model.pipe.scheduler
    if family in CONVERTED:
        for sigma, sigma_next in zip(sigmas, sigmas[1:], strict=False):
            x = x + (sigma_next - sigma) * model.velocity(x, sigma, condition)
        torch.testing.assert_close(model.decode(x), media, atol=1e-5, rtol=0)
        return
    turned = -1.0 if scheduler.config.get("invert_sigmas") else 1.0
    for sigma, t in zip(sigmas, scheduler.timesteps, strict=False):
        x = scheduler.step(turned * model.velocity(x, sigma, condition), t, x, return_dict=False)[0]
    assert torch.equal(model.decode(x), media.float())


@every_family
def test_replay_gives_the_rollout_again(saved: Any, family: str) -> None:
    """The rollout in one open run without gradient, the replay step by step with gradient, to the last bit."""
    model, _ = loaded(saved, family)
    perturbed(model)
    policy = WeightedPolicy(model, lora=True)
    policy.encode(PROMPTS)
    plan = StepPlan(model.sigmas(STEPS), (False,) * STEPS, torch.arange(STEPS))
    noise = torch.randn(2 * len(PROMPTS), *model.latent_shape(), generator=torch.Generator().manual_seed(2))
    sampling = Sampling(steps=STEPS, group_size=2)
    with torch.no_grad():
        groups = walk(policy, [Prompt(text) for text in PROMPTS], noise, Euler(), plan, sampling, [torch.Generator()] * 2)
    for t in plan.steps:
        step, old = replay(policy, Euler(), [(group, torch.arange(2)) for group in groups], t)
        assert step.mean.requires_grad
        assert torch.equal(step.mean, old.mean)


@every_family
@torch.no_grad()
def test_plain_diffusers_draws_the_same_with_the_saved_lora(saved: Any, family: str, tmp_path: Path) -> None:
    model, call = loaded(saved, family)
    before = own_run(model.pipe, call)[1]
    perturbed(model)
    model.save(tmp_path, "lora")
    _, media = own_run(model.pipe, call)
    plain = DiffusionPipeline.from_pretrained(saved(family))
    plain.set_progress_bar_config(disable=True)
    load_plainly(plain, tmp_path, call)
    assert (media - before).abs().max() > 1e-4
    torch.testing.assert_close(own_run(plain, call)[1], media, atol=2e-6, rtol=0)


def perturbed(model: DiffusersModel) -> None:
    """Adapters that are no longer nothing."""
    add_lora(model, rank=2, alpha=8.0)
    generator = torch.Generator().manual_seed(5)
    for network in model.networks.values():
        for name, parameter in network.named_parameters():
            if "lora_B" in name:
                parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1


def load_plainly(pipe: Any, folder: Path, call: dict[str, Any]) -> None:
    """With diffusers alone, but for PRX, for which it has no loader; `load_lora_weights` knows a pipeline's first network."""
    if not hasattr(pipe, "load_lora_weights"):
        load_lora(DiffusersModel(pipe, call), folder)
        return
    pipe.load_lora_weights(folder, weight_name=LORA_FILE)
    if pipe.components.get("transformer_2") is not None:
        pipe.transformer_2.load_lora_adapter(folder, prefix="transformer_2", weight_name=LORA_FILE)


@pytest.fixture
def fresh_accelerator() -> Iterator[None]:
    """accelerate allows one precision in a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    "family", [p if p.values[0] in TRAINED else pytest.param(*p.values, marks=pytest.mark.slow) for p in families()]
)
@pytest.mark.usefixtures("fresh_accelerator")
def test_genrl_train_takes_two_iterations(saved: Any, family: str, recipe: str, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join([*PROMPTS, "a star"]))
    sets = {f"model.call.{name}": value for name, value in build(family).call.items()}
    sets |= {"sampling.steps": 5, "sampling.group_size": 4, "train.prompts_per_iteration": 1, "model.lora_rank": 2}
    sets |= {"evaluation.samples": 1, "evaluation.steps": 2, "prompts.heldout_count": 1, "train.learning_rate": 1e-3}
    told = ["train", "--algo", recipe, "--model", str(saved(family)), "--prompts", str(prompts), "--reward", "jpeg-size"]
    options = [f"--set={key}={json.dumps(value)}" for key, value in sets.items()]
    folder = tmp_path / "run"
    result = CliRunner().invoke(app, [*told, *options, "--max-steps", "2", "--device", "cpu", "--output", str(folder)])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [1, 2]
    weights = load_file(next((folder / "model").rglob(LORA_FILE)))
    assert all(value.isfinite().all() for value in weights.values())
    assert any(value.any() for name, value in weights.items() if "lora_B" in name)
