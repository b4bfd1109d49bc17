from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.advantages.combine import weighted_sum, z_scores
from genrl.registry import register
from genrl.types import StepPlan


@register("advantage", "tree-z-score")
@dataclass(frozen=True)
class TreeZScore:
    """What each edge of a tree is worth: the z-score, among all nodes of its depth, of the mean reward of the leaves behind it.

    BranchGRPO (arXiv:2509.06040, reward fusion and depth-wise normalisation), with the unbiased standard deviation. Members
    that go one way in a step share its advantage; without a lineage every member goes its own, and all steps get the plain
    z-score. Several rewards are added by their weights first. It has no hyperparameter.

    Departure: the average of a node is that of its leaves alike, the default of the authors' code; weighting children by their
    edges' log-probabilities is not offered.
    """

    def __call__(self, rewards: Tensor, weights: Tensor, plan: StepPlan) -> Tensor:
        """Rewards (R, N, G), weights (R,) -> (N, G, T), float32; a depth without spread is exactly 0."""
        total_NG, size_N1 = weighted_sum(rewards.double(), weights.double())
        steps = [self._of_depth(total_NG, size_N1, plan, t + 1) for t in range(plan.length)]
        return torch.stack(steps, dim=-1).nan_to_num(nan=0.0).float()

    def _of_depth(self, total_NG: Tensor, size_N1: Tensor, plan: StepPlan, point: int) -> Tensor:
        """(N, G) at one point; leaves to which no reward applies do not count in their nodes."""
        members = torch.arange(total_NG.shape[1])
        stands_for = members if plan.lineage is None else plan.lineage.nodes[:, point]
        nodes, node_of_G = stands_for.unique(return_inverse=True)
        belongs_GM = (node_of_G[:, None] == torch.arange(len(nodes))).to(total_NG)
        counts_NM = (~total_NG.isnan()).to(total_NG) @ belongs_GM
        means_NM = total_NG.nan_to_num(nan=0.0) @ belongs_GM / counts_NM
        return z_scores(means_NM, size_N1, epsilon=0.0)[:, node_of_G]
