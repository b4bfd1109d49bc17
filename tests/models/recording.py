"""One recorded run of each tiny pipeline, by the pipeline itself: what the model has to reproduce."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from torch import Tensor

from genrl.models import DiffusersModel
from genrl.types import Condition
from tests.models.as_flow import as_flow
from tests.tiny_pipelines import FAMILIES, PROMPTS, Tiny, build

STEPS = 4
#: Families whose structure others cover in every run.
SLOW = (
    *("flux2", "flux2-klein", "aura-flow", "lumina", "lumina2", "chroma", "hidream", "ovis", "bria", "hunyuan-image", "sdxl"),
    *("wan-two-stage", "hunyuan", "hunyuan15", "ltx", "mochi", "skyreels", "sana-video"),
)

#: Families that pad texts in a way of their own, so that our two prompts cannot stand in one batch.
UNEVEN = ("kandinsky5", "lumina")


def families(*names: str) -> list:
    """Parameters for these families, or for all; some are marked slow."""
    return [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in names or FAMILIES]


@dataclass
class Recorded:
    """states[i], velocities[i], timesteps[i] went into step i of the pipeline's own run; states[-1] was decoded to media."""

    tiny: Tiny
    model: DiffusersModel
    condition: Condition
    states: list[Tensor]
    velocities: list[Tensor]
    timesteps: list[Tensor]
    media: Tensor


@cache
def record(family: str) -> Recorded:
    tiny = build(family)
    noise = torch.Generator().manual_seed(1)
    runs = [_run(tiny, prompts, noise) for prompts in ([[p] for p in PROMPTS] if tiny.alone else [PROMPTS])]
    model = DiffusersModel(tiny.pipe, tiny.call)
    condition, _ = model.encode(PROMPTS)
    states, velocities, media = ([torch.cat(parts) for parts in zip(*(run[k] for run in runs), strict=True)] for k in range(3))
    return Recorded(tiny, model, condition, states, velocities, runs[0][3], media[0])


def _run(tiny: Tiny, prompts: list[str], noise: torch.Generator) -> tuple[list[Tensor], ...]:
    """States, velocities, media and timesteps of the pipeline's own run, as a flow."""
    scheduler, calls, answers = tiny.pipe.scheduler, [], []
    own = scheduler.step

    def step(model_output, timestep, sample, *args, **kwargs):
        # Clones, because some pipelines write the next state into the place of this one.
        calls.append((sample.clone(), model_output, timestep))
        answer = own(model_output, timestep, sample, *args, **kwargs)
        answers.append(answer[0])
        return answer

    scheduler.step = step
    pixels = "vae" not in tiny.pipe.components
    media = tiny.pipe(
        prompt=list(prompts),
        num_inference_steps=STEPS,
        generator=noise,
        output_type="np" if pixels else "pt",
        **tiny.arguments(len(prompts)),
    )[0]
    del scheduler.step
    media = torch.from_numpy(media).permute(0, 3, 1, 2) if pixels else media
    states, outputs, timesteps = ([call[k] for call in calls] for k in range(3))
    states, velocities = as_flow(scheduler, [*states, answers[-1]], outputs, timesteps)
    return states, velocities, [media], timesteps


@contextmanager
def forwards(model: DiffusersModel) -> Iterator[list[str]]:
    """The names of the networks that are asked inside, one entry for each forward."""
    asked: list[str] = []
    hooks = [
        network.register_forward_pre_hook(lambda module, args, name=name: asked.append(name))
        for name, network in model.networks.items()
    ]
    try:
        yield asked
    finally:
        for hook in hooks:
            hook.remove()
