"""How many grey levels a picture uses."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def entropy(images: Tensor) -> Tensor:
    """Shannon entropy (B,) in bits of the grey levels of images (B, 3, H, W) or videos (B, F, 3, H, W) in [0, 1].

    Grey is the mean of the channels in 256 levels: 0 for a plain picture, 8 where all levels are equally frequent.
    """
    levels = (images.float().nan_to_num().clamp(0, 1).mean(dim=-3) * 255).round().long().flatten(1)
    counts = torch.zeros(len(levels), 256, device=images.device)
    counts.scatter_add_(1, levels, torch.ones_like(levels, dtype=counts.dtype))
    return torch.special.entr(counts / levels.shape[1]).sum(dim=1) / math.log(2.0)
