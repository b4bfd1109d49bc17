"""Drawing with trained or untrained weights: the same noise and the same ODE steps for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from genrl.config import check_device, check_model, model_folder, resolve
from genrl.config.resume import FILE
from genrl.config.world import SCENES
from genrl.errors import ModelError
from genrl.models import DiffusersModel, load_lora, load_model
from genrl.policy import WeightedPolicy
from genrl.randomness import Randomness
from genrl.rollout import walk
from genrl.settings import ModelSettings
from genrl.solvers import Euler
from genrl.types import Prompt, Sampling, StepPlan

#: Where few steps are not asked for, what flow models are usually drawn with.
STEPS = 28
#: Pictures that go through the network at once.
ROWS = 16


@dataclass(frozen=True)
class Found:
    """A model to draw with: its base, the folder of trained weights if a run made some, and its Euler steps and shift."""

    base: ModelSettings
    tuned: Path | None
    steps: int
    shift: float | None
    device: str


def find(source: str, sets: Sequence[str], device: str | None) -> Found:
    """What `source` names: the folder of a finished run, a diffusers folder, a hub id or "scenes"."""
    run, flags = Path(source) / FILE, {} if device is None else {"run.device": device}
    if run.is_file():
        config = resolve(config=run, preset="none", sets=sets, flags=flags)
        tuned = Path(source) / "model"
        if not tuned.is_dir():
            raise ModelError(f"The run {source} is not finished; continue it with `genrl train --resume {source}`.")
    else:
        config, tuned = resolve(sets=sets, flags={"model.path": source} | flags), None
        check_model(config.model)
    check_device(config.run, config.train)
    if tuned is None and config.model.path != SCENES:
        return Found(config.model, None, STEPS, None, config.run.device)
    # As in the run's evaluation, or as it would be in a run of the embedded model.
    steps = config.evaluation.steps or config.sampling.steps
    return Found(config.model, tuned, steps, config.sampling.shift, config.run.device)


def load(found: Found, tuned: bool = True) -> DiffusersModel:
    """The model with the run's weights, or without."""
    folder = found.tuned if tuned else None
    whole = folder is not None and (folder / "model_index.json").is_file()
    model = load_model(
        folder if whole and folder is not None else model_folder(found.base.path),
        call=found.base.call,
        dtype=found.base.dtype,
        device=_device(found.device),
        revision=None if whole else found.base.revision,
        trust_remote_code=found.base.trust_remote_code,
        max_rows=found.base.max_rows or None,
    )
    if folder is not None and not whole:
        load_lora(model, folder)
    return model


@torch.no_grad()
def draw(model: DiffusersModel, texts: Sequence[str], sigmas: tuple[float, ...], seed: int) -> Tensor:
    """Pictures (B, 3, H, W) or videos (B, F, 3, H, W) in [0, 1], one for each text; noise depends on seed and place."""
    policy, rng = WeightedPolicy(model), Randomness((seed, "sample"))
    plan = StepPlan(sigmas, (False,) * (len(sigmas) - 1), torch.zeros(0, dtype=torch.int64))
    drawn = []
    for start in range(0, len(texts), ROWS):
        prompts = [Prompt(text, index=start + i) for i, text in enumerate(texts[start : start + ROWS])]
        policy.encode([prompt.text for prompt in prompts])
        shape = policy.latent_shape()
        noise = torch.stack([torch.randn(shape, generator=rng.generator(prompt.index)) for prompt in prompts])
        groups = walk(policy, prompts, noise.to(policy.device), Euler(), plan, Sampling(), [])
        drawn.append(policy.decode(torch.cat([group.final for group in groups])).cpu())
    return torch.cat(drawn)


def _device(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
