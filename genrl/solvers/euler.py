"""Euler: the first-order ODE step. On a rectified flow it is DDIM, and it is DPM-Solver++ of order one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.protocols import Velocity
from genrl.registry import register
from genrl.types import Step


def straight_line(x: Tensor, x0: Tensor, sigma: float, sigma_next: float) -> Tensor:
    """The point at `sigma_next` of the line from `x` (B, *L) at `sigma` to `x0` (B, *L) at 0; exactly `x0` at 0."""
    ratio = sigma_next / sigma
    return ratio * x + (1.0 - ratio) * x0


@register("solver", "euler")
@dataclass(frozen=True)
class Euler:
    """x + (t - s) v, written (t/s) x + (1 - t/s) x0, which is DDIM's form and lands on x0 exactly at t = 0.

    Liu et al., Rectified Flow, arXiv 2209.03003; Song et al., DDIM, arXiv 2010.02502, eta = 0. Deterministic:
    `stochastic` changes nothing. First order: the error halves when the steps double.
    """

    evaluations: ClassVar[int] = 1
    noisy: ClassVar[bool] = False

    def step(self, velocity: Velocity, x: Tensor, sigma: float, sigma_next: float, carry: Any, stochastic: bool) -> Step:
        x0 = x - sigma * velocity(x, sigma)
        return Step(straight_line(x, x0, sigma, sigma_next), 0.0, x0)
