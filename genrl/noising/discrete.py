from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from genrl.bounds import Count, Fraction
from genrl.errors import ConfigError
from genrl.registry import register


@register("times", "discrete")
@dataclass(frozen=True)
class Discrete:
    """Noise levels of the rollout's own grid, drawn without replacement (DiffusionNFT, arXiv:2509.16117).

    Batches hold one level each, so few levels make large batches.

    count: levels K for each sample; None takes all that may be drawn. Up, each sample is used more fully at proportional
        cost; beyond the grid every level comes again. Down, learning is cheaper and noisier.
    share: only levels sigma >= 1 - share may be drawn. Up, fine detail is learned as well; down, composition alone.
    initial: whether pure noise, where the network sees nothing of the sample, may be drawn.
    """

    count: Count | None = None
    share: Fraction = 1.0
    initial: bool = True

    def __call__(self, grid: tuple[float, ...], rng: Generator) -> Tensor:
        levels = torch.tensor(grid[0 if self.initial else 1 : -1], dtype=torch.float64)
        levels = levels[levels >= 1.0 - self.share - 1e-9]
        if not len(levels):
            raise ConfigError(
                f"No level of the {len(grid) - 1} sampling steps lies in the noisiest {self.share:.0%}; raise times.share or "
                "sampling.steps."
            )
        count = self.count or len(levels)
        rounds = [torch.randperm(len(levels), generator=rng) for _ in range(-(-count // len(levels)))]
        return levels[torch.cat(rounds)[:count]]
