"""The pipeline's own scheduler, fed by the adapter, ends where the pipeline ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genrl.doctor.own_run import OwnRun, own_run
from genrl.doctor.precision import VELOCITY, error
from genrl.errors import ModelError
from genrl.models import DiffusersModel
from genrl.models.conversion import Diffusion, conversion_of


@dataclass(frozen=True)
class Reproduced:
    """latents: relative error of the last ones; pixels: the largest difference of the picture, whose pixels are in [0, 1]."""

    latents: float
    pixels: float

    def __str__(self) -> str:
        if self.latents == self.pixels == 0.0:
            return "bit-equal: the last latents and the pixels"
        return f"relative error {self.latents:.1e} of the last latents; pixels differ by at most {self.pixels:.1e}"


@torch.no_grad()
def check_own_scheduler(model: DiffusersModel, text: str, steps: int, dtype: torch.dtype) -> Reproduced:
    """Run the pipeline alone, then the adapter from the same noise.

    A flow pipeline's own scheduler steps again, on the adapter's velocities. A diffusion model is a converted flow, whose
    Euler steps are those of DDIM: its pipeline runs with DDIM, in the next number of steps that divides its timesteps.

    ModelError if latents or pixels differ by more than rounding in `dtype`.
    """
    diffusion = isinstance(conversion_of(model.pipe), Diffusion)
    while diffusion and model.pipe.scheduler.config.num_train_timesteps % steps:
        steps += 1
    own = own_run(model.pipe, _ddim(model.pipe) if diffusion else model.pipe.scheduler, model.call, text, steps)
    sigmas = model.sigmas(steps)
    if len(own.steps) != steps:
        raise ModelError(
            f"The pipeline makes {len(own.steps)} steps where {steps} are asked for, which no grid of sigmas follows; set its "
            "scheduler to FlowMatchEulerDiscreteScheduler.from_config(pipe.scheduler.config)."
        )
    model.encode([text])
    latents = _by_euler(model, own, text, sigmas) if diffusion else _by_own_scheduler(model, own, text, sigmas)
    assert own.media is not None, "a recorded run ends with media"
    pixels = float((model.decode(latents.float()) - own.media).abs().max())
    found = Reproduced(error(latents, own.steps[-1].answer), pixels)
    # The errors of single steps add up on the way, at worst to their sum.
    allowed = VELOCITY[dtype] * steps
    if not (found.latents <= allowed and found.pixels <= allowed):
        raise ModelError(f"Through genrl the pipeline ends elsewhere than alone ({found}), so it cannot be trained.")
    return found


def _by_own_scheduler(model: DiffusersModel, own: OwnRun, text: str, sigmas: tuple[float, ...]) -> Tensor:
    condition, _ = model.encode([text])
    latents, conversion = own.steps[0].latents, conversion_of(model.pipe)
    for step, sigma in zip(own.steps, sigmas, strict=False):
        velocity = model.velocity(latents.float(), sigma, condition)
        # A flow's conversion is a sign, and its own inverse.
        output = conversion.outward(velocity, latents, sigma).to(step.output.dtype)
        answer = own.scheduler.step(output, step.timestep, latents, *step.rest, **step.arguments)
        latents = answer[0].to(step.answer.dtype)
    return latents


def _by_euler(model: DiffusersModel, own: OwnRun, text: str, sigmas: tuple[float, ...]) -> Tensor:
    condition, _ = model.encode([text])
    x = own.steps[0].latents.float()
    for sigma, sigma_next in zip(sigmas, sigmas[1:], strict=False):
        x = x + (sigma_next - sigma) * model.velocity(x, sigma, condition)
    return x


def _ddim(pipe: Any) -> Any:
    from diffusers import DDIMScheduler

    exact = {"timestep_spacing": "trailing", "set_alpha_to_one": True, "clip_sample": False, "thresholding": False}
    return DDIMScheduler.from_config(pipe.scheduler.config, **exact)
