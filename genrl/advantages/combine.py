"""Several rewards into one number for each member.

One reward is (N, G), a row for each group. NaN is "does not apply" and never enters a mean or a deviation.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from genrl.errors import ConfigError

#: "sum-then-normalize" adds the weighted rewards and normalises the sum, so a reward with a wide scale counts for more.
#: "normalize-then-sum" normalises each reward in its group first and averages, so the weights alone decide.
Combine = Literal["sum-then-normalize", "normalize-then-sum"]

#: Deviations below this fraction of the values' size are rounding, not preference.
FLAT = 1e-6


def weighted_sum(values_RNG: Tensor, weights_R: Tensor) -> tuple[Tensor, Tensor]:
    """Sum over the rewards that apply to a row, (N, G); NaN where none does. Also the size of the terms, (N, 1).

    A row that lacks one reward gets the sum of the others, as in TRL. A reward of weight 0 is only watched: it does
    not make a row count. The size (largest sum of absolute terms in the group) still tells noise from signal where
    terms cancel.
    """
    used = weights_R != 0.0
    if not bool(used.any()):
        raise ConfigError("Every reward has weight 0; give at least one reward a weight.")
    terms_RNG = weights_R[used, None, None] * values_RNG[used]
    total_NG = terms_RNG.nansum(dim=0).masked_fill(terms_RNG.isnan().all(dim=0), torch.nan)
    return total_NG, terms_RNG.abs().nansum(dim=0).amax(dim=-1, keepdim=True)


def average_weights(weights_R: Tensor) -> Tensor:
    """Weights scaled so that their absolute values add up to 1 (MixGRPO)."""
    return weights_R / weights_R.abs().sum().clamp_min(torch.finfo(weights_R.dtype).tiny)


def largest(values: Tensor) -> Tensor:
    """Largest absolute value of each group, (..., 1); 0 where nothing applies."""
    return values.abs().nan_to_num(nan=0.0).amax(dim=-1, keepdim=True)


def deviations(values: Tensor, size: Tensor) -> Tensor:
    """Values minus their group's mean, (..., G), NaN kept; exactly 0 where the spread is rounding against `size`."""
    deviation = values - values.nanmean(dim=-1, keepdim=True)
    return torch.where(largest(deviation) <= FLAT * size, deviation * 0.0, deviation)


def z_scores(values: Tensor, size: Tensor, *, unbiased: bool = True, over_batch: bool = False, epsilon: float = 1e-8) -> Tensor:
    """Deviations over their group's standard deviation (or that of all N groups together) plus epsilon; NaN kept."""
    deviation = deviations(values, size)
    dims = (-2, -1) if over_batch else (-1,)
    spread = values - values.nanmean(dim=dims, keepdim=True) if over_batch else deviation
    count = (~values.isnan()).sum(dim=dims, keepdim=True)
    variance = spread.square().nansum(dim=dims, keepdim=True) / (count - int(unbiased)).clamp_min(1)
    # A flat group divides 0 by 0 when epsilon is 0, and is 0 all the same.
    return torch.where(deviation == 0.0, deviation, deviation / (variance.sqrt() + epsilon))
