from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from genrl.bounds import NonNegative, Positive
from genrl.losses.matching import mean_square, share
from genrl.registry import register
from genrl.types import Answers, Metrics


@register("matching-loss", "dgpo")
@dataclass(frozen=True)
class DGPO:
    """A preference for the better part of a whole group over the worse one (DGPO, arXiv:2510.08425).

    With l = mean (v - target)^2: w = sigmoid(beta mean_i A_i (l_i - l_ref_i)) over the group, without gradient, and the loss
    mean_i w A_i l_i, whose gradient is that of -log sigmoid(-beta mean_i A_i (l_i - l_ref_i)) / beta. Asks for "reference",
    and for "fast" if it clips.

    beta: up, a group that already prefers its better part against the reference counts less; down, all groups count 1/2.
    advantage_clip: advantages are cut to [-clip, clip]. Down, one outlier rules a group less.
    clip: a sample stops pushing where exp(l_fast - l) has moved by more than this the way its advantage wants; None never
        stops one, and does not ask for "fast". Up, an iteration may move further.
    """

    beta: Positive = 10.0
    advantage_clip: Positive = 5.0
    clip: NonNegative | None = 0.05

    compares: ClassVar[Literal["nothing", "pair", "group"]] = "group"

    @property
    def weight_sets(self) -> frozenset[str]:
        return frozenset({"reference"} if self.clip is None else {"reference", "fast"})

    def __call__(self, answers: Answers, advantage: Tensor) -> tuple[Tensor, Metrics]:
        """The mean over the (B,) rows of one group at one draw; its weight and the share of rows that are stopped."""
        advantage = advantage.clamp(-self.advantage_clip, self.advantage_clip)
        error = mean_square(answers.velocity - answers.target)
        gap = error.detach() - mean_square(answers.under["reference"] - answers.target)
        weight = torch.sigmoid(self.beta * (advantage * gap).mean())
        metrics: Metrics = {"matching/error": error.detach().mean(), "group_weight": weight}
        if self.clip is not None:
            ratio = (mean_square(answers.under["fast"] - answers.target) - error.detach()).exp()
            beyond = ((advantage > 0.0) & (ratio > 1.0 + self.clip)) | ((advantage < 0.0) & (ratio < 1.0 - self.clip))
            error = torch.where(beyond, error.detach(), error)
            metrics["clip_ratio/region_mean"] = share(beyond)
        return (weight * advantage * error).mean(), metrics
