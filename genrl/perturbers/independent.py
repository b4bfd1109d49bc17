from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from genrl.registry import register


@register("perturber", "independent")
@dataclass(frozen=True)
class Independent:
    """Every member starts from its own noise, eps_i ~ N(0, I): the widest group (Flow-GRPO, arXiv:2505.05470)."""

    def __call__(self, size: int, shape: Sequence[int], rng: Generator) -> Tensor:
        """Noise (size, *shape), float32."""
        return torch.randn((size, *shape), generator=rng, dtype=torch.float32)
