from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import StepPlan


@register("steps", "random-subset")
@dataclass(frozen=True)
class RandomSubset:
    """K = int(fraction * (T - 1)) steps, drawn anew at each iteration without replacement.

    DanceGRPO (arXiv:2505.07818, timestep_fraction) draws them for each member; Neighbor GRPO (arXiv:2511.16955,
    Algorithm 1, "Sample K steps") once for all anchors.

    fraction: of the steps that may be trained. Up, each rollout is used more fully at proportional cost; down,
        learning is cheaper and noisier.
    stochastic: noise on all T steps, trained or not, the dropped last one included (DanceGRPO); False for ODE
        trajectories.
    per_member: each member draws its own steps, which decorrelates the group; False trains all members at the same
        steps, which surrogates that compare members require.
    drop_last: the last step is never trained; DanceGRPO drops it everywhere. False lets it be drawn, and K counts all
        T steps.
    """

    fraction: float = 0.6
    stochastic: bool = False
    per_member: bool = False
    drop_last: bool = True

    def __post_init__(self) -> None:
        if not 0.0 < self.fraction <= 1.0:
            raise ConfigError(f"steps.fraction must lie in (0, 1], got {self.fraction}.")

    def plan(self, iteration: int, sigmas: tuple[float, ...], size: int, rng: Generator) -> StepPlan:
        """`trained` is (K,), or (size, K) when each member has its own."""
        steps = len(sigmas) - 1
        eligible = steps - self.drop_last
        count = int(self.fraction * eligible)
        if count < 1:
            raise ConfigError(
                f"steps.fraction={self.fraction} of {eligible} trainable steps is less than one; "
                "raise steps.fraction or sampling.steps."
            )
        order = torch.rand(size if self.per_member else 1, eligible, generator=rng).argsort(dim=1)
        trained = order[:, :count].sort(dim=1).values
        return StepPlan(sigmas, (self.stochastic,) * steps, trained if self.per_member else trained[0])
