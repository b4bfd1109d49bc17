"""Dance-SDE: the SDE of DanceGRPO."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.protocols import Velocity
from genrl.registry import register
from genrl.solvers.gaussian_step import check_level, euler_maruyama, gaussian_step
from genrl.types import Step


@register("solver", "dance-sde")
@dataclass(frozen=True)
class DanceSDE:
    """Euler-Maruyama with std = eta sqrt(s - t) (Xue et al., DanceGRPO, arXiv 2505.07818, the SDE for rectified flows).

    The noise does not fade with sigma: a step to 0 leaves std > 0 on the final state, which is why DanceGRPO decodes
    the `x0` of its last step instead.

    eta: std of the noise in one unit of time. More of it explores further and leaves grainier samples, as the last
        steps get most of it on a shifted grid; less of it makes the members of a group alike. The authors use 0.3 for
        images and 0.25 for HunyuanVideo.
    """

    eta: float = 0.3

    evaluations: ClassVar[int] = 1
    noisy: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_level("dance-sde eta", self.eta)

    def std(self, sigma: float, sigma_next: float) -> float:
        return self.eta * math.sqrt(sigma - sigma_next)

    def step(self, velocity: Velocity, x: Tensor, sigma: float, sigma_next: float, carry: Any, stochastic: bool) -> Step:
        std = self.std(sigma, sigma_next) if stochastic else 0.0
        return gaussian_step(velocity, x, sigma, sigma_next, std, euler_maruyama(sigma, sigma_next, std))
