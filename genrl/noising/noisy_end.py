"""The noisy end of the unit interval, where most of what a picture shows is decided."""

from __future__ import annotations

from torch import Tensor


def noisy_end(u: Tensor, share: float) -> Tensor:
    """Levels u in [0, 1) from the noisiest on -> sigma in [1 - share, 1], falling in u; never exactly 0."""
    return (1.0 - share * u).clamp_min(1e-3)
