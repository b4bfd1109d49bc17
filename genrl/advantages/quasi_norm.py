from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from genrl.advantages.combine import Combine, average_weights, deviations, largest, weighted_sum, z_scores
from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import StepPlan


@register("advantage", "quasi-norm")
@dataclass(frozen=True)
class QuasiNorm:
    """A' = A / (sum_k |A_k|^p)^(1/p), A = r - mean of the group (Neighbor GRPO, arXiv:2511.16955).

    Scale-free in the rewards; it looks at the shape of a group: one in which nobody stands out is damped, one with a
    few outliers counts more.

    p: 2 is the z-score over sqrt(G). Down (below 1 it is a quasi-norm), flat-shaped groups are damped more and all
        advantages shrink; up, groups are treated more alike. The paper's best of .8, 1 and 2 is .8.
    rescale: "none" is the paper. Its advantages are 10 to 20 times smaller than z-scores at G = 12, which matters for
        gradient clipping and Adam's epsilon; "sqrt-g" multiplies by sqrt(G) (p = 2 then is the population z-score),
        "g-1/p" by G^(1/p) (the p-mean instead of the p-sum).
    combine: "normalize-then-sum" is the paper's for several rewards: the z-scores of the single rewards are averaged
        by their weights and the quasi-norm is taken of the average. "sum-then-normalize" centres the weighted sum. A
        row to which no reward applies gets 0 and does not count in G.
    """

    p: float = 0.8
    rescale: Literal["none", "sqrt-g", "g-1/p"] = "none"
    combine: Combine = "normalize-then-sum"

    def __post_init__(self) -> None:
        if not self.p > 0.0:
            raise ConfigError(f"advantage.p must be greater than 0, got {self.p}.")

    def __call__(self, rewards: Tensor, weights: Tensor, plan: StepPlan) -> Tensor:
        """Rewards (R, N, G), weights (R,) -> (N, G, 1), float32; a flat group is exactly 0."""
        values, weights = rewards.double(), weights.double()
        if self.combine == "normalize-then-sum":
            values, weights = z_scores(values, largest(values), epsilon=0.0), average_weights(weights)
        return self._scaled(deviations(*weighted_sum(values, weights)))[..., None].float()

    def _scaled(self, deviation_NG: Tensor) -> Tensor:
        count_N1 = (~deviation_NG.isnan()).sum(dim=-1, keepdim=True)
        deviation_NG = deviation_NG.nan_to_num(nan=0.0)
        # Through the largest entry, so that no power leaves the range of the format.
        top_N1 = largest(deviation_NG)
        relative_NG = deviation_NG / top_N1.masked_fill(top_N1 == 0.0, 1.0)
        norm_N1 = relative_NG.abs().pow(self.p).sum(dim=-1, keepdim=True).pow(1.0 / self.p)
        power = {"none": 0.0, "sqrt-g": 0.5, "g-1/p": 1.0 / self.p}[self.rescale]
        return relative_NG / norm_N1.masked_fill(norm_N1 == 0.0, 1.0) * count_N1**power
