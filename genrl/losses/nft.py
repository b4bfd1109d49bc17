from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from genrl.bounds import Positive
from genrl.losses.matching import adaptive_error, optimality
from genrl.registry import register
from genrl.types import Answers, Metrics


@register("matching-loss", "nft")
@dataclass(frozen=True)
class NFT:
    """Good samples are matched by an implicit positive policy, bad ones by its mirror image (DiffusionNFT, arXiv:2509.16117).

    v+ = b v + (1 - b) v_old, v- = (1 + b) v_old - b v, and l+- the adaptive error of the clean estimates x - sigma v+-; the
    loss is advantage_clip (r l+ / b + (1 - r) l- / b), r = clip(A / (2 advantage_clip) + 1/2, 0, 1). Asks for "old".

    beta: b, the part of the way from v_old to v at which the positive policy lies. 1 makes v itself that policy; down, v
        goes 1 / b times as far as the samples say, faster and less surely (.1 for several and for sparse rewards).
    advantage_clip: the advantage at which a sample counts as wholly good. Up, r stays near 1/2 and the loss grows in
        proportion; down, outliers count like all other good samples.
    """

    beta: Positive = 1.0
    advantage_clip: Positive = 5.0

    compares: ClassVar[Literal["nothing", "pair", "group"]] = "nothing"
    weight_sets: ClassVar[frozenset[str]] = frozenset({"old"})

    def __call__(self, answers: Answers, advantage: Tensor) -> tuple[Tensor, Metrics]:
        """The mean over (B,) rows, and the two errors."""
        v, old, b = answers.velocity, answers.under["old"], self.beta
        # x - sigma v - x0 = sigma (target - v): no difference of two large numbers.
        sigma = answers.sigma.view(-1, *(1 for _ in v.shape[1:]))
        positive = adaptive_error(sigma * (answers.target - b * v - (1.0 - b) * old))
        negative = adaptive_error(sigma * (answers.target - (1.0 + b) * old + b * v))
        good = optimality(advantage, self.advantage_clip)
        loss = self.advantage_clip * (good * positive + (1.0 - good) * negative).mean() / b
        return loss, {"matching/positive": positive.detach().mean(), "matching/negative": negative.detach().mean()}
