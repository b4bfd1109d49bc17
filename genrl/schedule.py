"""Sigma schedules: T+1 points from 1 (noise) to 0 (data).

u runs evenly from 1 to 0 and sigma = m u / (1 + (m - 1) u), where m is the model's shift (FLUX 3, HunyuanVideo 5). A dynamic
shift exp(mu) is the same formula.
"""

from __future__ import annotations


def shifted(u: float, shift: float) -> float:
    """sigma of an unshifted time u in [0, 1]."""
    return shift * u / (1.0 + (shift - 1.0) * u)


def unshifted(sigma: float, shift: float) -> float:
    """The time u whose shifted value is sigma."""
    return sigma / (shift - (shift - 1.0) * sigma)


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
