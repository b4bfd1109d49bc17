"""From a scheduler's own variables to x = (1 - sigma) x0 + sigma eps with velocity eps - x0, and back.

Most flow pipelines have them already. Two kinds do not: flows whose time runs from data to noise (`invert_sigmas`), and the
diffusion models before them, x = alpha_t x0 + s_t eps, whose network predicts eps, x0 or v = alpha_t eps - s_t x0.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers.schedulers import KarrasDiffusionSchedulers
from torch import Tensor

from genrl.errors import ModelError


class Flow:
    """The scheduler's variables are sigma and velocity."""

    def __init__(self, scheduler: Any) -> None:
        self.steps = scheduler.config.num_train_timesteps

    def grid(self, scheduler: Any, steps: int) -> tuple[tuple[float, ...], Tensor]:
        """The sigmas (steps + 1) and timesteps (steps,) of a scheduler whose own grid was just made."""
        return tuple(scheduler.sigmas.tolist()), scheduler.timesteps.cpu()

    def timestep(self, sigma: float) -> float:
        """What the network is told at a sigma that lies on no grid."""
        return sigma * self.steps

    def own_sigma(self, sigma: float) -> float:
        """The scheduler's sigma."""
        return sigma

    def inward(self, x: Tensor, sigma: float) -> Tensor:
        """The pipeline's latents for our x (B, *L)."""
        return x

    def outward(self, output: Tensor, latents: Tensor, sigma: float) -> Tensor:
        """Our velocity for what the pipeline hands to its scheduler at its latents."""
        return output


class ReversedFlow(Flow):
    """Time from 0 at noise to 1 at data, velocity x0 - eps."""

    def grid(self, scheduler: Any, steps: int) -> tuple[tuple[float, ...], Tensor]:
        return tuple((1.0 - scheduler.sigmas.double()).tolist()), scheduler.timesteps.cpu()

    def timestep(self, sigma: float) -> float:
        return (1.0 - sigma) * self.steps

    def own_sigma(self, sigma: float) -> float:
        return 1.0 - sigma

    def outward(self, output: Tensor, latents: Tensor, sigma: float) -> Tensor:
        return -output


class Level(NamedTuple):
    """Where a diffusion model's latents are: x = alpha x0 + noise eps, alpha^2 + noise^2 = 1, and what our x is divided by."""

    alpha: float
    noise: float
    scale: float


class Diffusion(Flow):
    """A variance-preserving model as a flow between its data and its most noisy latents E = alpha_T x0 + s_T eps.

    Sampling takes E to be N(0, I), so E is this flow's noise. With x = (1 - sigma) x0 + sigma E the latents are
    x / |(1 - sigma + sigma alpha_T, sigma s_T)|, and a step of DDIM (Song et al., arXiv:2010.02502, equation 12 without noise)
    is a step of Euler. The grid is DDIM's with "trailing" spacing, which begins at E whatever the number of steps; the timestep
    of a sigma between is the fractional one with its ratio of noise to signal.
    """

    def __init__(self, scheduler: Any) -> None:
        super().__init__(scheduler)
        alphas = scheduler.alphas_cumprod.double().cpu().sqrt().numpy()
        noises = np.sqrt(1.0 - alphas**2)
        self._angles = np.arctan2(noises, alphas)
        self._last = (float(alphas[-1]), float(noises[-1]))
        self._predicts = scheduler.config.prediction_type

    def grid(self, scheduler: Any, steps: int) -> tuple[tuple[float, ...], Tensor]:
        timesteps = np.round(np.arange(self.steps, 0, -self.steps / steps)) - 1
        return (*map(self._sigma, self._angles[timesteps.astype(int)]), 0.0), torch.tensor(timesteps, dtype=torch.float32)

    def timestep(self, sigma: float) -> float:
        level = self._level(sigma)
        return float(np.interp(math.atan2(level.noise, level.alpha), self._angles, np.arange(self.steps)))

    def inward(self, x: Tensor, sigma: float) -> Tensor:
        return x / self._level(sigma).scale

    def outward(self, output: Tensor, latents: Tensor, sigma: float) -> Tensor:
        (alpha, noise, _), output, latents = self._level(sigma), output.float(), latents.float()
        if self._predicts == "epsilon":
            x0, eps = (latents - noise * output) / alpha, output
        elif self._predicts == "v_prediction":
            x0, eps = alpha * latents - noise * output, noise * latents + alpha * output
        else:
            x0, eps = output, (latents - alpha * output) / noise
        return (self._last[0] - 1.0) * x0 + self._last[1] * eps

    def _sigma(self, angle: float) -> float:
        """The sigma at which the ratio of noise to signal is tan(angle)."""
        alpha, noise = self._last
        up, across = math.sin(angle), math.cos(angle)
        return up / (up + across * noise - up * alpha)

    def _level(self, sigma: float) -> Level:
        alpha, noise = 1.0 - sigma + sigma * self._last[0], sigma * self._last[1]
        scale = math.hypot(alpha, noise)
        return Level(alpha / scale, noise / scale, scale)


def conversion_of(pipe: Any) -> Flow:
    """The conversion for a pipeline's scheduler; ModelError for one that has none."""
    scheduler, config = pipe.scheduler, pipe.scheduler.config
    name, predicts = type(scheduler).__name__, config.get("prediction_type", "epsilon")
    if "FlowMatch" in name or config.get("use_flow_sigmas") or predicts == "flow_prediction":
        return ReversedFlow(scheduler) if config.get("invert_sigmas") else Flow(scheduler)
    known = name in KarrasDiffusionSchedulers.__members__ and predicts in ("epsilon", "v_prediction", "sample")
    if known and getattr(scheduler, "alphas_cumprod", None) is not None:
        return Diffusion(scheduler)
    raise ModelError(
        f"{type(pipe).__name__} samples with {name}, which is neither a flow with velocity eps - x0 nor a diffusion model "
        "with a table of noise levels. Choose a flow model such as SD3, FLUX, Qwen-Image or Wan."
    )
