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
    numbers = torch.tensor(groups)
    alike_BB = (numbers[:, None] == numbers).float().to(x.device, non_blocking=True)
    size_B, members = alike_BB.sum(dim=1), x.flatten(1).float()
    # sum_j |x_i - x_j|^2 = G |x_i - m|^2 + sum_j |x_j - m|^2 for the mean m, without the G^2 differences.
    squares_B = (members - alike_BB @ members / size_B[:, None]).square().mean(dim=1)
    return ((size_B * squares_B + alike_BB @ squares_B) / (size_B - 1)).sqrt()
