from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from genrl.advantages.combine import Combine, average_weights, largest, weighted_sum, z_scores
from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import StepPlan


@register("advantage", "z-score")
@dataclass(frozen=True)
class ZScore:
    """A = (r - mean) / (std + epsilon) inside each group.

    DanceGRPO (arXiv:2505.07818) and MixGRPO (arXiv:2507.21802) take the defaults, MixGRPO with "normalize-then-sum".
    Flow-GRPO (arXiv:2505.05470) has unbiased=false, epsilon=1e-4 and scale="global".

    unbiased: divide the variance by G - 1, or by G; the latter makes advantages larger by sqrt(G / (G - 1)).
    scale: "group" gives every prompt the same weight and blows up the noise of prompts whose members are nearly equal;
        "global" divides by the standard deviation of all rewards of the iteration, so prompts with more spread count
        more.
    epsilon: added to the standard deviation. Up, groups with a small spread are damped; down, they count fully.
    combine: "sum-then-normalize" adds weighted rewards first; "normalize-then-sum" averages the z-scores of the single
        rewards by their weights. A row to which a reward does not apply gets 0 from it; a row to which none applies
        gets 0.
    """

    unbiased: bool = True
    scale: Literal["group", "global"] = "group"
    epsilon: float = 1e-8
    combine: Combine = "sum-then-normalize"

    def __post_init__(self) -> None:
        if not self.epsilon >= 0.0:
            raise ConfigError(f"advantage.epsilon must not be negative, got {self.epsilon}.")

    def __call__(self, rewards: Tensor, weights: Tensor, plan: StepPlan) -> Tensor:
        """Rewards (R, N, G), weights (R,) -> (N, G, 1), float32; a flat group is exactly 0."""
        rewards, weights = rewards.double(), weights.double()
        if self.combine == "sum-then-normalize":
            advantages = self._normalized(*weighted_sum(rewards, weights))
        else:
            advantages, _ = weighted_sum(self._normalized(rewards, largest(rewards)), average_weights(weights))
        return advantages.nan_to_num(nan=0.0)[..., None].float()

    def _normalized(self, values: Tensor, size: Tensor) -> Tensor:
        return z_scores(values, size, unbiased=self.unbiased, over_batch=self.scale == "global", epsilon=self.epsilon)
