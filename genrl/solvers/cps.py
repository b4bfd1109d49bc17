"""CPS: coefficients-preserving sampling, whose states never carry more noise than the network expects."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.protocols import Velocity
from genrl.registry import register
from genrl.solvers.gaussian_step import check_level, gaussian_step, preserve_coefficients
from genrl.types import Step


@register("solver", "cps")
@dataclass(frozen=True)
class CPS:
    """std = t sin(a pi / 2) and c = t cos(a pi / 2): noise replaces noise (Wang and Yu, Flow-CPS, arXiv 2509.05952).

    Exact for any number of steps if the data are a single point. It is no discretised SDE: the share of fresh noise
    does not shrink with the step, so its marginals stay narrower than the ODE's however many steps are taken. The step
    to 0 is deterministic (std == 0.0, mean == x0) even if `stochastic`, so a density must never be asked there.

    noise_level: a, the angle in quarter turns, from 0 (the ODE) to 1 (all predicted noise is replaced). More of it
        explores further and narrows the marginals; less of it makes the members of a group alike.
    """

    noise_level: float = 0.8

    evaluations: ClassVar[int] = 1
    noisy: ClassVar[bool] = True
    #: See `genrl.testing`.
    exceptions: ClassVar[dict[str, str]] = {
        "keeps-the-marginals": "fresh noise replaces a share of the old that does not shrink with the step"
    }

    def __post_init__(self) -> None:
        check_level("cps noise_level", self.noise_level, highest=1.0)

    def std(self, sigma: float, sigma_next: float) -> float:
        return sigma_next * math.sin(self.noise_level * math.pi / 2.0)

    def step(self, velocity: Velocity, x: Tensor, sigma: float, sigma_next: float, carry: Any, stochastic: bool) -> Step:
        std = self.std(sigma, sigma_next) if stochastic else 0.0
        return gaussian_step(velocity, x, sigma, sigma_next, std, preserve_coefficients(sigma_next, std))
