from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from genrl.registry import register


@register("perturber", "shared")
@dataclass(frozen=True)
class Shared:
    """Every member starts from the same noise, so all differences come from noise on the way.

    DanceGRPO (arXiv:2505.07818) and MixGRPO (arXiv:2507.21802). With a deterministic solver the members are identical
    and nothing can be learned.

    Departure: the reference code draws one noise for all prompts of a process, in bfloat16; this is one for each
    prompt, in float32.
    """

    def __call__(self, size: int, shape: Sequence[int], rng: Generator) -> Tensor:
        """Noise (size, *shape), float32, rows equal."""
        return torch.randn((1, *shape), generator=rng, dtype=torch.float32).repeat(size, *(1 for _ in shape))
