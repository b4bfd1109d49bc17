from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from genrl.bounds import Count, Finite, Fraction, Positive
from genrl.noising.noisy_end import noisy_end
from genrl.noising.stratified import strata
from genrl.registry import register
from genrl.schedule import shifted


@register("times", "logit-normal")
@dataclass(frozen=True)
class LogitNormal:
    """sigma = sigmoid(mean + std z), z normal, then shifted: most levels in the middle (Esser et al., arXiv:2403.03206).

    count: levels K for each sample, stratified. Up, each sample is used more fully at proportional cost; down, learning is
        cheaper and noisier.
    mean: of the logits; up, noisier levels, down, cleaner ones.
    std: of the logits; up, levels spread towards both ends, down, they gather around the mean.
    shift: m of sigma -> m sigma / (1 + (m-1) sigma); up, noisier levels. 1 changes nothing.
    share: of the noisy end into which the levels are squeezed; 1 leaves them where they are.
    """

    count: Count = 4
    mean: Finite = 0.0
    std: Positive = 1.0
    shift: Positive = 1.0
    share: Fraction = 1.0

    def __call__(self, grid: tuple[float, ...], rng: Generator) -> Tensor:
        z = torch.special.ndtri(strata(self.count, rng).clamp(1e-7, 1.0 - 1e-7))
        levels = torch.sigmoid(self.mean + self.std * z).tolist()
        return noisy_end(1.0 - torch.tensor([shifted(u, self.shift) for u in levels], dtype=torch.float64), self.share)
