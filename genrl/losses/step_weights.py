"""How much the clipped term of each trained step counts. The SDE alone weighs steps very unequally.

With Delta = s - t, the gradient of a Gaussian log-ratio in the velocity goes with Delta / std, which on Flow-GRPO's SDE is
sqrt(Delta (1 - s) / s): the noisy steps, where the picture is decided, hardly count.
"""

from __future__ import annotations

from dataclasses import dataclass

from genrl.registry import register
from genrl.schedule import flow_noise
from genrl.types import StepPlan


@register("step-weight", "uniform")
@dataclass(frozen=True)
class Uniform:
    """1 at every step: what follows from the policy gradient (DanceGRPO, MixGRPO, Flow-GRPO, Neighbor GRPO)."""

    def __call__(self, plan: StepPlan, t: int) -> float:
        return 1.0


@register("step-weight", "inverse-interval")
@dataclass(frozen=True)
class InverseInterval:
    """1 / (s - t): GRPO-Guard's gradient reweighting (arXiv:2510.22319).

    A normalised ratio (`ratio-norm`) moves with the mean of the step, which moves with s - t times the velocity; divided by
    s - t, all steps push the velocity alike. It makes the loss about T times larger beside a penalty.
    """

    def __call__(self, plan: StepPlan, t: int) -> float:
        return 1.0 / (plan.sigmas[t] - plan.sigmas[t + 1])


@register("step-weight", "noise-level")
@dataclass(frozen=True)
class NoiseLevel:
    """S_k / mean S, S_k = sqrt(s / (1 - s)) sqrt(s - t): TempFlow-GRPO's noise-aware weighting (arXiv:2508.04324).

    Steps count by the noise that Flow-GRPO's SDE puts into them, whatever its level. The mean is over all steps but the last,
    so a step weighs the same in an iteration that trains it alone.
    """

    def __call__(self, plan: StepPlan, t: int) -> float:
        noise = [flow_noise(*pair) for pair in zip(plan.sigmas[:-2], plan.sigmas[1:-1], strict=True)]
        return flow_noise(plan.sigmas[t], plan.sigmas[t + 1]) * len(noise) / sum(noise)
