from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from genrl.registry import register
from genrl.surrogates.gaussian import Gaussian
from genrl.types import Metrics, RolloutGroup, Step


@register("surrogate", "unscaled-gaussian")
@dataclass(frozen=True)
class UnscaledGaussian:
    """log pi(y | x) = -mean (y - mu)^2, the Gaussian's without its constants: Flow-CPS (arXiv:2509.05952).

    The log-ratio is 2 std^2 times that of `gaussian`, so the clip range of one does not fit the other, and steps with less
    noise move it less. It has no hyperparameter.
    """

    needs: ClassVar[frozenset[str]] = Gaussian.needs
    stochastic: ClassVar[bool] = True
    smallest_group: ClassVar[int] = 1

    def candidates(self, group: RolloutGroup, members: Tensor) -> Tensor:
        """(B, 1): each anchor itself."""
        return members[:, None]

    def log_ratio(self, step: Step, old: Step, group: RolloutGroup, members: Tensor, t: int) -> tuple[Tensor, Metrics]:
        """(B, 1) log pi_theta - log pi_old of the stored next states; exactly 0 where that of `gaussian` is."""
        log_ratio, metrics = Gaussian().log_ratio(step, old, group, members, t)
        log_ratio = 2.0 * step.std**2 * log_ratio
        return log_ratio, metrics | {"log_ratio_abs_max": log_ratio.detach().abs().max()}
