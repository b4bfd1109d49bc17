from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from genrl.bounds import Count, Fraction
from genrl.noising.noisy_end import noisy_end
from genrl.registry import register


@register("times", "uniform")
@dataclass(frozen=True)
class Uniform:
    """Independent uniform noise levels.

    count: levels K for each sample. Up, each sample is used more fully at proportional cost; down, learning is cheaper
        and noisier.
    share: of the noisy end; .6 draws from the noisiest 60 %, sigma in [.4, 1]. Up, fine detail is learned as well; down,
        composition alone.
    """

    count: Count = 4
    share: Fraction = 1.0

    def __call__(self, grid: tuple[float, ...], rng: Generator) -> Tensor:
        return noisy_end(torch.rand(self.count, generator=rng, dtype=torch.float64), self.share)
