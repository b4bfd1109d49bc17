"""Heun: the trapezoidal ODE step, second order without memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.protocols import Velocity
from genrl.registry import register
from genrl.solvers.euler import straight_line
from genrl.types import Step


@register("solver", "heun")
@dataclass(frozen=True)
class Heun:
    """x + (t - s) (v(x, s) + v(x_Euler, t)) / 2 (Karras et al., arXiv 2206.00364, algorithm 1).

    Deterministic: `stochastic` changes nothing. Second order: the error quarters when the steps double. The step to 0
        is Euler's, as no network is trained at sigma = 0, so T steps ask the network 2T - 1 times. `x0` is the estimate
        of the first evaluation, the one made at `x`.
    """

    evaluations: ClassVar[int] = 2
    noisy: ClassVar[bool] = False

    def step(self, velocity: Velocity, x: Tensor, sigma: float, sigma_next: float, carry: Any, stochastic: bool) -> Step:
        slope = velocity(x, sigma)
        x0 = x - sigma * slope
        mean = straight_line(x, x0, sigma, sigma_next)
        if sigma_next > 0.0:
            mean = x + (0.5 * (sigma_next - sigma)) * (slope + velocity(mean, sigma_next))
        return Step(mean, 0.0, x0)
