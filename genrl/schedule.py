"""Sigma schedules: T+1 points from 1 (noise) to 0 (data).

u runs evenly from 1 to 0 and sigma = m u / (1 + (m - 1) u), where m is the model's shift (FLUX 3, HunyuanVideo 5). A dynamic
shift exp(mu) is the same formula.
"""

from __future__ import annotations

import math


def shifted(u: float, shift: float) -> float:
    """sigma of an unshifted time u in [0, 1]."""
    return shift * u / (1.0 + (shift - 1.0) * u)


def unshifted(sigma: float, shift: float) -> float:
    """The time u whose shifted value is sigma."""
    return sigma / (shift - (shift - 1.0) * sigma)


#: Grids computed in float32 or with a shift may miss 1 by a rounding error.
_START = 1.0 - 1e-6


def flow_noise(sigma: float, sigma_next: float) -> float:
    """sqrt(s / (1 - s)) sqrt(s - t), the noise of one step of Flow-GRPO's SDE (arXiv:2505.05470) at level 1.

    At s = 1, where that is infinite, 1 - s is replaced by 1 - t, so the first step has exactly 1 whatever the grid.
    """
    base = sigma_next if sigma >= _START else sigma
    return math.sqrt(sigma * (sigma - sigma_next) / (1.0 - base))


def shift_grid(steps: int, shift: float) -> tuple[float, ...]:
    """steps + 1 points, exactly 1 at the start and exactly 0 at the end."""
    return tuple(shifted(1.0 - k / steps, shift) for k in range(steps + 1))


def infer_shift(sigmas: tuple[float, ...]) -> float:
    """The shift m of a grid that `shift_grid` could have made, read off its middle point."""
    steps = len(sigmas) - 1
    k = max(1, steps // 2)
    if steps < 2:
        return 1.0
    u, sigma = 1.0 - k / steps, sigmas[k]
    return sigma * (1.0 - u) / (u * (1.0 - sigma))
