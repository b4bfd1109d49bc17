"""DPM-Solver++(2M): the multistep ODE solver that extrapolates the clean estimate, one evaluation a step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from genrl.errors import ConfigError
from genrl.protocols import Velocity
from genrl.registry import register
from genrl.solvers.euler import straight_line
from genrl.solvers.history import History
from genrl.types import Step


def log_snr(sigma: float) -> float:
    """lambda = log((1 - sigma) / sigma), for 0 < sigma < 1."""
    return math.log1p(-sigma) - math.log(sigma)


def extrapolation(before: float, sigma: float, sigma_next: float) -> float:
    """1 / (2 r), r = (lambda(sigma) - lambda(before)) / (lambda(sigma_next) - lambda(sigma)).

    Exactly 0, which is order one, when `before` is 1 (lambda = -inf, so r = inf), and at the last step, where
    lambda(0) = inf would make it infinite.
    """
    if before >= 1.0 or sigma_next <= 0.0:
        return 0.0
    return 0.5 * (log_snr(sigma_next) - log_snr(sigma)) / (log_snr(sigma) - log_snr(before))


@register("solver", "dpmpp")
@dataclass(frozen=True)
class DPMSolverPP:
    """(t/s) x + (1 - t/s) [x0_k + (x0_k - x0_{k-1}) / (2r)], the midpoint form.

    Lu et al., DPM-Solver++, arXiv 2211.01095, algorithm 2. Deterministic: `stochastic` changes nothing. A step is of
    order one, which is Euler's, if it has no history, if the step before started at 1, and if it ends at 0.

    order: 2 follows curved trajectories much better from about 8 steps on; 1 ignores the step before and is Euler.
    """

    order: Literal[1, 2] = 2

    evaluations: ClassVar[int] = 1
    noisy: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.order not in (1, 2):
            raise ConfigError(f"dpmpp has order 1 or 2, got order={self.order}; set order=2.")

    def step(
        self, velocity: Velocity, x: Tensor, sigma: float, sigma_next: float, carry: History | None, stochastic: bool
    ) -> Step:
        x0 = x - sigma * velocity(x, sigma)
        target = x0
        if self.order == 2 and carry is not None:
            weight = extrapolation(carry.sigma, sigma, sigma_next)
            if weight != 0.0:
                target = x0 + weight * (x0 - carry.x0)
        return Step(straight_line(x, target, sigma, sigma_next), 0.0, x0, History(x0, sigma))
