"""Exported folders: plain diffusers loads them, the card's lines run, and they draw what the run's evaluation drew."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genrl.config import RunConfig, resolve
from genrl.export import Exporter, read_record
from genrl.judging.drawing import draw
from genrl.judging.source import Found, find, load
from genrl.models import DiffusersModel, adapters_disabled, add_lora
from genrl.models.media import to_tensor
from genrl.policy import WeightedPolicy
from genrl.randomness import Randomness
from tests.tiny_pipelines import build

PROMPT = "a red cat"
STEPS = 3
#: flux2 is not among them: its argument `latents` has another shape than what it denoises.
OTHERS = ("flux", "qwen", "z-image", "sana", "wan-two-stage", "hunyuan", "ltx")


def exported(
    family: str, root: Path, model: dict[str, Any] | None = None, sampling: dict[str, Any] | None = None
) -> tuple[Path, RunConfig]:
    """The export of a run on a tiny pipeline whose trained weights were moved away from the base."""
    tiny = build(family)
    tiny.pipe.save_pretrained(root / "base")
    base = {"path": str(root / "base"), "weights": "lora", "lora_rank": 2, "lora_alpha": 8, "call": tiny.call}
    grid = {"steps": STEPS, "shift": 2.0}
    config = resolve(config={"model": base | (model or {}), "sampling": grid | (sampling or {})})
    driven = DiffusersModel(tiny.pipe, tiny.call)
    if config.model.weights == "lora":
        add_lora(driven, config.model.lora_rank, config.model.lora_alpha)
    else:
        driven.networks["transformer"].requires_grad_(True)
    policy = WeightedPolicy(driven, lora=config.model.weights == "lora")
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    Exporter(config, root, policy, "current")(root / "exported", 7)
    return root / "exported", config


def lines(folder: Path) -> str:
    """The Python of the card."""
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    return code


def run_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the card's lines in the folder; the pipeline they leave behind."""
    monkeypatch.chdir(folder)
    left: dict[str, Any] = {}
    exec(compile(lines(folder), "the card", "exec"), left)
    return left["pipe"]


def own_picture(pipe: Any, config: RunConfig, shape: tuple[int, ...], steps: int = STEPS) -> Tensor:
    """What the pipeline itself makes of `PROMPT`, from the noise that `draw` starts from."""
    noise = torch.randn(shape, generator=Randomness((0, "sample")).generator(0))[None]
    call = config.model.call | {"output_type": "np"}
    with torch.no_grad():
        made = pipe(prompt=PROMPT, num_inference_steps=steps, latents=noise, return_dict=False, **call)[0]
    return to_tensor(made, torch.device("cpu"))


def drawn(model: DiffusersModel, found: Found) -> Tensor:
    return draw(WeightedPolicy(model), [PROMPT], 0, found.sampling, found.mixed_precision)


@pytest.mark.parametrize("family", ["sd3", "wan", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_the_lines_of_the_card_draw_what_genrl_draws(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`load_lora_weights(folder)` takes the LoRA with its alpha, which is not its rank; the grid is not the pipeline's own."""
    folder, config = exported(family, tmp_path)
    assert "genrl" not in lines(folder)
    pipe = run_lines(folder, monkeypatch)
    assert (folder / ("video.gif" if read_record(folder).pipeline.video else "picture.png")).stat().st_size > 0
    found = find(str(folder), [], "cpu")
    model = load(found)
    own, ours = own_picture(pipe, config, model.latent_shape()), drawn(model, found)
    torch.testing.assert_close(own, ours, atol=1e-5, rtol=0)
    with adapters_disabled(*model.networks.values()):
        assert (drawn(model, found) - ours).abs().max() > 1e-2


def test_a_diffusion_model_is_drawn_by_ddim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a number of steps that divides 1000, as DDIM's steps do not meet its timesteps otherwise."""
    folder, config = exported("sd15", tmp_path, {}, {"shift": None, "steps": 4})
    pipe = run_lines(folder, monkeypatch)
    assert type(pipe.scheduler).__name__ == "DDIMScheduler"
    found = find(str(folder), [], "cpu")
    model = load(found)
    own = own_picture(pipe, config, model.latent_shape(), steps=4)
    torch.testing.assert_close(own, drawn(model, found), atol=1e-4, rtol=0)


@pytest.mark.parametrize("weights", ["full", "lora"])
def test_a_pipeline_without_a_lora_loader_has_lines_as_well(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the pipeline's own grid, which its own Euler scheduler makes; full weights need no genrl."""
    folder, config = exported("prx", tmp_path, {"weights": weights}, {"shift": None})
    assert ("genrl" in lines(folder)) == (weights == "lora")
    pipe = run_lines(folder, monkeypatch)
    found = find(str(folder), [], "cpu")
    model = load(found)
    own = own_picture(pipe, config, model.latent_shape())
    torch.testing.assert_close(own, drawn(model, found), atol=1e-5, rtol=0)
