from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from genrl.bounds import Count, Fraction
from genrl.noising.noisy_end import noisy_end
from genrl.registry import register


def strata(count: int, rng: Generator) -> Tensor:
    """(count,) uniform numbers in [0, 1), one in each of `count` equal slices, in random order."""
    slices = torch.randperm(count, generator=rng)
    return (slices + torch.rand(count, generator=rng, dtype=torch.float64)) / count


@register("times", "stratified")
@dataclass(frozen=True)
class Stratified:
    """Uniform noise levels, one in each of K equal slices: the same mean as `uniform` with less variance.

    count: levels K for each sample, as many as slices. Up, each sample is used more fully at proportional cost; down,
        learning is cheaper and noisier.
    share: of the noisy end; .6 draws from the noisiest 60 %. Up, fine detail is learned as well; down, composition alone.
    """

    count: Count = 4
    share: Fraction = 1.0

    def __call__(self, grid: tuple[float, ...], rng: Generator) -> Tensor:
        return noisy_end(strata(self.count, rng), self.share)
