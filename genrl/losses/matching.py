"""What the losses at noised samples share: the matching error, and advantages as probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

#: Where an error that only scales a loss stops shrinking.
SMALLEST = 1e-5


def mean_square(difference: Tensor) -> Tensor:
    """(B, *L) -> (B,), the mean over dimensions."""
    return difference.square().flatten(1).mean(dim=1)


def adaptive_error(difference: Tensor) -> Tensor:
    """mean d^2 over mean |d|, the latter without gradient, (B, *L) -> (B,): samples of any error weigh about alike."""
    scale = difference.detach().abs().flatten(1).mean(dim=1).clamp_min(SMALLEST)
    return mean_square(difference) / scale


def optimality(advantage: Tensor, clip: float) -> Tensor:
    """(B,) probabilities that a sample is a good one: clip(A / (2 clip) + 1/2, 0, 1)."""
    return (advantage / (2.0 * clip) + 0.5).clamp(0.0, 1.0)


def share(mask: Tensor) -> Tensor:
    """The share of true entries, float32."""
    return mask.to(torch.float32).mean()
