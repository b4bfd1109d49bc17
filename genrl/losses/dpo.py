from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import logsigmoid

from genrl.bounds import Positive
from genrl.losses.matching import mean_square, share
from genrl.registry import register
from genrl.types import Answers, Metrics


@register("matching-loss", "dpo")
@dataclass(frozen=True)
class DPO:
    """The better of two samples is preferred (Diffusion-DPO, arXiv:2311.12908): -log sigmoid(-beta / 2 [gap_w - gap_l]).

    gap = l - l_ref, l = mean (v - target)^2, winner and loser at the same level and noise. Asks for "reference". A pair of
    equals has loss and gradient 0: it says nothing, and the trainer still asks the network as often.

    beta: up, the policy is held closer to the reference and a preference is soon satisfied; down, it drifts further. It
        belongs to the mean over dimensions; betas of some thousands belong to sums.
    """

    beta: Positive = 100.0

    compares: ClassVar[Literal["nothing", "pair", "group"]] = "pair"
    weight_sets: ClassVar[frozenset[str]] = frozenset({"reference"})

    def __call__(self, answers: Answers, advantage: Tensor) -> tuple[Tensor, Metrics]:
        """The loss of the two rows; whether the implicit reward prefers the winner, and by how much."""
        error = mean_square(answers.velocity - answers.target)
        gap = error - mean_square(answers.under["reference"] - answers.target)
        side = (advantage[0] - advantage[1]).sign()  # 0 for equals
        margin = -0.5 * self.beta * side * (gap[0] - gap[1])
        loss = -logsigmoid(margin) * side.abs()
        metrics = {"matching/error": error.detach().mean()}
        return loss, metrics | {"preference/accuracy": share(margin.detach() > 0.0), "preference/margin": margin.detach()}
