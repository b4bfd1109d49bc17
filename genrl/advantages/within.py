from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from genrl.advantages.z_score import ZScore
from genrl.errors import ConfigError
from genrl.protocols import AdvantageEstimator
from genrl.registry import register
from genrl.types import StepPlan


@register("advantage", "within")
@dataclass(frozen=True)
class Within:
    """Another estimator inside the parts of a group that are comparable, for plans with a lineage.

    TempFlow-GRPO (arXiv:2508.04324), whose text does not say which branches are normalised together.

    key: "seed-and-step" compares members that leave one seed at one step, which isolates what that step's noise did; "step"
        compares all members that branch at it, whatever their seed, and "seed" all members of a seed: more members, with
        more that differs between them. "prompt" compares the whole group, which is all there is without a lineage.
    inner: the estimator of each part.
    """

    key: Literal["seed-and-step", "seed", "step", "prompt"] = "seed-and-step"
    inner: AdvantageEstimator = ZScore(unbiased=False, epsilon=1e-4)

    def __call__(self, rewards: Tensor, weights: Tensor, plan: StepPlan) -> Tensor:
        """Rewards (R, N, G), weights (R,) -> (N, G, 1) or (N, G, T), as `inner` answers."""
        reward_count, prompts, size = rewards.shape
        parts_G = self._parts(plan, size)
        table_PW = torch.nn.utils.rnn.pad_sequence(
            [(parts_G == part).nonzero().flatten() for part in range(int(parts_G.max()) + 1)],
            batch_first=True,
            padding_value=size,
        )
        # A part with fewer members than others is filled up with rewards that do not apply.
        filled = torch.cat([rewards, rewards.new_full((reward_count, prompts, 1), torch.nan)], dim=-1)[..., table_PW]
        advantages = self.inner(filled.flatten(1, 2), weights, plan).unflatten(0, (prompts, -1)).flatten(1, 2)
        place_G = table_PW.flatten().argsort(stable=True)[:size]
        return advantages[:, place_G]

    def _parts(self, plan: StepPlan, size: int) -> Tensor:
        """(G,) the number of the part of each member, from 0."""
        if plan.lineage is None or self.key == "prompt":
            return torch.zeros(size, dtype=torch.int64)
        if "step" in self.key and plan.trained.shape[1:] != (1,):
            raise ConfigError(f"advantage.key={self.key} is for members that train one step each; set steps=branch-once.")
        seeds, steps = plan.lineage.nodes[:, :1], plan.trained
        labels = {"seed-and-step": (seeds, steps), "seed": (seeds,), "step": (steps,)}[self.key]
        return torch.cat(labels, dim=1).unique(dim=0, return_inverse=True)[1]
