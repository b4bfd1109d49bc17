from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from genrl.bounds import Positive
from genrl.losses.clipped import Clipped
from genrl.losses.matching import mean_square
from genrl.protocols import RatioLoss
from genrl.registry import register
from genrl.types import Answers, Metrics

#: Keeps the roots differentiable at an error of 0.
TINY = 1e-10


@register("matching-loss", "awm")
@dataclass(frozen=True)
class AWM:
    """The matching error in the place of a negative log-likelihood, in a clipped ratio (AWM, arXiv:2509.25050).

    log ratio = w(l_old, sigma) - w(l, sigma), l = mean (v - target)^2, both at the same noised sample. At unchanged weights
    its gradient is that of advantage-weighted flow matching. Asks for "old".

    weighting: w. "uniform" is l; "t" and "t2" multiply it by sigma and its square, so noisy levels count more; "huber" is
        sigma times its root and "ghuber" sigma times its `power`, so that large errors count less.
    power: of "ghuber"; down, large errors count less still.
    ratio_loss: the clipped objective. A log-ratio is a mean over dimensions, and one update for each rollout never leaves
        ratio 1, so the clip only acts on later ones.
    """

    weighting: Literal["uniform", "t", "t2", "huber", "ghuber"] = "uniform"
    power: Positive = 0.25
    ratio_loss: RatioLoss = Clipped(epsilon=1.0, advantage_clip=1.0)

    compares: ClassVar[Literal["nothing", "pair", "group"]] = "nothing"
    weight_sets: ClassVar[frozenset[str]] = frozenset({"old"})

    def __call__(self, answers: Answers, advantage: Tensor) -> tuple[Tensor, Metrics]:
        """The mean over (B,) rows, and the metrics of the ratio loss."""
        error = mean_square(answers.velocity - answers.target)
        before = mean_square(answers.under["old"] - answers.target)
        log_ratio = self.weighted(before, answers.sigma) - self.weighted(error, answers.sigma)
        loss, metrics = self.ratio_loss(log_ratio[:, None], advantage[:, None])
        return loss, {"matching/error": error.detach().mean(), **metrics}

    def weighted(self, error: Tensor, sigma: Tensor) -> Tensor:
        """w(l, sigma) of (B,) errors."""
        if self.weighting == "uniform":
            return error
        if self.weighting == "t":
            return sigma * error
        if self.weighting == "t2":
            return sigma.square() * error
        power = 0.5 if self.weighting == "huber" else self.power
        scale = 1.0 if self.weighting == "huber" else power
        return sigma * ((error + TINY).pow(power) - TINY**power) / scale
