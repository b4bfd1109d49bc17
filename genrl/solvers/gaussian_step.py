"""The one family of Gaussian steps to which every SDE solver belongs.

    x_next = (1 - t) x0 + c eps + std noise        x0 = x - s v,  eps = x + (1 - s) v

A solver is a rule for `std` and a rule for `c`; std = 0 gives c = t, which is Euler's step.
"""

from __future__ import annotations

import math

from torch import Tensor

from genrl.errors import ConfigError
from genrl.protocols import Velocity
from genrl.solvers.euler import straight_line
from genrl.types import Step


def euler_maruyama(sigma: float, sigma_next: float, std: float) -> float:
    """c = t - std^2 / (2s): x + v dt + std^2 / 2 * score, the score being -eps / s."""
    return sigma_next - std * std / (2.0 * sigma)


def preserve_coefficients(sigma_next: float, std: float) -> float:
    """c = sqrt(t^2 - std^2): predicted and fresh noise together have exactly the level t."""
    return math.sqrt((sigma_next - std) * (sigma_next + std))


def gaussian_step(velocity: Velocity, x: Tensor, sigma: float, sigma_next: float, std: float, c: float) -> Step:
    """The step of the family; bitwise Euler's when std == 0."""
    v = velocity(x, sigma)
    x0 = x - sigma * v
    if std == 0.0:
        return Step(straight_line(x, x0, sigma, sigma_next), 0.0, x0)
    eps = x + (1.0 - sigma) * v
    return Step((1.0 - sigma_next) * x0 + c * eps, std, x0)


def check_level(field: str, level: float, highest: float = math.inf) -> None:
    """Raise ConfigError unless 0 <= level <= highest."""
    if not 0.0 <= level <= highest:
        bound = f"between 0 and {highest:g}" if math.isfinite(highest) else "at least 0"
        raise ConfigError(f"{field} must be {bound}, got {level}.")
