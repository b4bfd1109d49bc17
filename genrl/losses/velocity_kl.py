"""Penalties at noised samples, where the KL of two policies is a multiple of the squared difference of their velocities."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from genrl.bounds import NonNegative, Positive
from genrl.losses.matching import mean_square, optimality
from genrl.registry import register
from genrl.types import Answers


@register("matching-regularizer", "kl-velocity")
@dataclass(frozen=True)
class VelocityKL:
    """beta * mean (v - v')^2 against another weight set, without the factor of a KL: DiffusionNFT (arXiv:2509.16117).

    beta: up, the velocity stays closer at all drawn levels alike; down, it may drift.
    weights: the set that it is held to; "reference" keeps what the model could, an average only slows the policy down.
    """

    beta: NonNegative = 1e-4
    weights: str = "reference"

    @property
    def label(self) -> str:
        """What tells two of them apart."""
        return f"{type(self).name}-{self.weights}"  # type: ignore[attr-defined]

    def __call__(self, answers: Answers, advantage: Tensor) -> Tensor:
        """(B,)."""
        return self.beta * mean_square(answers.velocity - answers.under[self.weights])


@register("matching-regularizer", "kl-velocity-rewarded")
@dataclass(frozen=True)
class RewardedVelocityKL:
    """The better a sample, the closer is the policy held at it: CRD (arXiv:2603.14128).

    (floor + (beta - floor) R) mean (v - v')^2, R = clip(A / (2 advantage_clip) + 1/2, 0, 1).

    beta: for the best samples; up, what scores well changes less.
    floor: for the worst ones; up, what scores badly is unlearned more slowly.
    advantage_clip: the advantage at which a sample counts as wholly good.
    weights: the set that it is held to.
    """

    beta: NonNegative = 0.1
    floor: NonNegative = 1e-4
    advantage_clip: Positive = 5.0
    weights: str = "reference"

    @property
    def label(self) -> str:
        """What tells two of them apart."""
        return f"{type(self).name}-{self.weights}"  # type: ignore[attr-defined]

    def __call__(self, answers: Answers, advantage: Tensor) -> Tensor:
        """(B,)."""
        strength = self.floor + (self.beta - self.floor) * optimality(advantage, self.advantage_clip)
        return strength * mean_square(answers.velocity - answers.under[self.weights])
