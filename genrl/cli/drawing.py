"""Drawing with trained or untrained weights: the same noise and the same ODE steps for both."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from genrl.checkpoint import MODEL, found
from genrl.config import check_device, check_model, model_folder, resolve
from genrl.config.resume import FILE
from genrl.config.world import SCENES
from genrl.errors import ModelError
from genrl.export import FILE as RECORD
from genrl.export import read_record
from genrl.models import DiffusersModel, load_lora, load_model
from genrl.policy import WeightedPolicy
from genrl.randomness import Randomness
from genrl.rollout import sigma_grid, walk
from genrl.settings import ModelSettings
from genrl.solvers import Euler
from genrl.types import Prompt, Sampling, StepPlan

#: Where few steps are not asked for, what flow models are usually drawn with.
STEPS = 28
#: Pictures that go through the network at once.
ROWS = 16


@dataclass(frozen=True)
class Found:
    """A model to draw with: its base, the folder of trained weights if there is one, and how the run evaluated them."""

    base: ModelSettings
    tuned: Path | None
    sampling: Sampling
    mixed_precision: str
    device: str


def find(source: str, sets: Sequence[str], device: str | None) -> Found:
    """What `source` names: a finished run, a folder that one was exported to, a diffusers folder, a hub id or "scenes"."""
    folder, flags = Path(source), {} if device is None else {"run.device": device}
    tuned: Path | None = None
    if (folder / FILE).is_file():
        config = resolve(config=folder / FILE, preset="none", sets=sets, flags=flags)
        tuned = folder / MODEL
        if not tuned.is_dir():
            raise ModelError(f"The run {source} is not finished; {_instead(folder)}.")
    elif (folder / RECORD).is_file():
        config = resolve(config=read_record(folder).config, preset="none", sets=sets, flags=flags)
        tuned = folder
    else:
        config = resolve(sets=sets, flags={"model.path": source} | flags)
        check_model(config.model)
    check_device(config.run, config.train)
    if tuned is None and config.model.path != SCENES:
        return Found(config.model, None, Sampling(steps=STEPS), "no", config.run.device)
    # As in the run's evaluation, or as it would be in a run of the embedded model.
    sampling = replace(config.sampling, steps=config.evaluation.steps or config.sampling.steps)
    return Found(config.model, tuned, sampling, config.train.mixed_precision, config.run.device)


def _instead(run: Path) -> str:
    """What to do with a run that has no model yet."""
    ready = [folder / MODEL for folder in found(run / "checkpoints") if (folder / MODEL).is_dir()]
    drawn = f", or draw from its newest checkpoint: {ready[-1]}" if ready else ""
    return f"continue it with `genrl train --resume {run}`{drawn}"


def load(source: Found, tuned: bool = True) -> DiffusersModel:
    """The model with the run's weights, or without."""
    folder, base = source.tuned if tuned else None, source.base
    whole = folder is not None and (folder / "model_index.json").is_file()
    model = load_model(
        folder if whole and folder is not None else model_folder(base.path),
        call=base.call,
        dtype=base.dtype,
        device=_device(source.device),
        revision=None if whole else base.revision,
        trust_remote_code=base.trust_remote_code,
        max_rows=base.max_rows or None,
    )
    if folder is not None and not whole:
        load_lora(model, folder)
    return model


@torch.no_grad()
def draw(model: DiffusersModel, texts: Sequence[str], seed: int, sampling: Sampling, mixed_precision: str = "no") -> Tensor:
    """Pictures (B, 3, H, W) or videos (B, F, 3, H, W) in [0, 1], one for each text; noise depends on seed and place."""
    policy, rng = WeightedPolicy(model), Randomness((seed, "sample"))
    sigmas = sigma_grid(model, sampling.steps, sampling.shift)
    plan = StepPlan(sigmas, (False,) * (len(sigmas) - 1), torch.zeros(0, dtype=torch.int64))
    drawn = []
    for start in range(0, len(texts), ROWS):
        prompts = [Prompt(text, index=start + i) for i, text in enumerate(texts[start : start + ROWS])]
        policy.encode([prompt.text for prompt in prompts])
        shape = policy.latent_shape()
        noise = torch.stack([torch.randn(shape, generator=rng.generator(prompt.index)) for prompt in prompts])
        with _autocast(policy.device, mixed_precision):
            groups = walk(policy, prompts, noise.to(policy.device), Euler(), plan, sampling, [])
            drawn.append(policy.decode(torch.cat([group.final for group in groups])).cpu())
    return torch.cat(drawn)


def _autocast(device: torch.device, mixed_precision: str) -> AbstractContextManager[object]:
    dtypes = {"bf16": torch.bfloat16, "fp16": torch.float16}
    return torch.autocast(device.type, dtypes[mixed_precision]) if mixed_precision in dtypes else nullcontext()


def _device(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
