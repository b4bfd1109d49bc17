"""Flow-SDE: the SDE of Flow-GRPO and MixGRPO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.protocols import Velocity
from genrl.registry import register
from genrl.schedule import flow_noise
from genrl.solvers.gaussian_step import check_level, euler_maruyama, gaussian_step
from genrl.types import Step


@register("solver", "flow-sde")
@dataclass(frozen=True)
class FlowSDE:
    """Euler-Maruyama with std = a sqrt(s / (1 - s)) sqrt(s - t) (Liu et al., Flow-GRPO, arXiv 2505.05470, ODE to SDE).

    At s = 1, where that is infinite, 1 - s is replaced by 1 - t, so the first std is exactly a whatever the grid. The
    paper's code tests s == 1; here s >= 1 - 1e-6. A grid that starts lower, such as at 0.9997, is beyond the rule: its
    first step gets several times a. A step to 0 leaves its noise, std > 0, on the final state; plan a deterministic
    last step for a clean one.

    noise_level: a. More of it explores further, but with few steps the states carry more noise than the network expects
        and samples get grainy; less of it makes the members of a group alike.
    """

    noise_level: float = 0.7

    evaluations: ClassVar[int] = 1
    noisy: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_level("flow-sde noise_level", self.noise_level)

    def std(self, sigma: float, sigma_next: float) -> float:
        return self.noise_level * flow_noise(sigma, sigma_next)

    def step(self, velocity: Velocity, x: Tensor, sigma: float, sigma_next: float, carry: Any, stochastic: bool) -> Step:
        std = self.std(sigma, sigma_next) if stochastic else 0.0
        return gaussian_step(velocity, x, sigma, sigma_next, std, euler_maruyama(sigma, sigma_next, std))
