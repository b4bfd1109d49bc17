from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from genrl.errors import ConfigError
from genrl.registry import register


@register("perturber", "neighborhood")
@dataclass(frozen=True)
class Neighborhood:
    """Members start around a common centre: eps_i = sqrt(1 - sigma^2) eps* + sigma delta_i.

    Neighbor GRPO (arXiv:2511.16955), Algorithm 1, "Perturb noise". Each row is exactly N(0, I); two rows have
    covariance (1 - sigma^2) I and a squared distance of about 2 sigma^2 D.

    sigma: 0 gives `shared`, 1 gives `independent`. Up, members differ more and rewards spread, but a member says less
        about its neighbours; down, comparisons are closer and rewards flatter. The paper's best of .1 to .7 is .3.
    """

    sigma: float = 0.3

    def __post_init__(self) -> None:
        if not 0.0 <= self.sigma <= 1.0:
            raise ConfigError(f"neighborhood.sigma mixes two noises and must lie in [0, 1], got {self.sigma}.")

    def __call__(self, size: int, shape: Sequence[int], rng: Generator) -> Tensor:
        """Noise (size, *shape), float32; the centre is drawn first, then one delta for each member."""
        center = torch.randn((1, *shape), generator=rng, dtype=torch.float32)
        delta = torch.randn((size, *shape), generator=rng, dtype=torch.float32)
        return math.sqrt(1.0 - self.sigma**2) * center + self.sigma * delta
