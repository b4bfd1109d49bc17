"""How far the members of a group lie apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def diversity(x: Tensor, groups: Sequence[int]) -> Tensor:
    """For each row of x (B, *L) the root mean square distance to the others of its group, per dimension: (B,) float32.

    groups: the group of each row. Latents of unit variance that have nothing in common lie sqrt(2) apart; NaN for a row
    that is alone.
    """
    found = torch.full((len(x),), torch.nan, device=x.device)
    for group in dict.fromkeys(groups):
        rows = [row for row, own in enumerate(groups) if own == group]
        if len(rows) > 1:
            members = x[rows].flatten(1).float()
            # sum_j |x_i - x_j|^2 = G |x_i - m|^2 + sum_j |x_j - m|^2 for the mean m, without the G^2 differences.
            squares = (members - members.mean(dim=0)).square().mean(dim=1)
            found[rows] = ((len(rows) * squares + squares.sum()) / (len(rows) - 1)).sqrt()
    return found
