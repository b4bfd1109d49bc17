from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import StepPlan


@register("steps", "every")
@dataclass(frozen=True)
class Every:
    """All steps are trained (Flow-GRPO, arXiv:2505.05470).

    stochastic: noise on all T steps, or on none for methods that learn from ODE trajectories.
    drop_last: leaves out the last step, whose interval is tiny on SD3's grid; Flow-GRPO's timestep fraction of .99 has
        this effect. False trains one more step, at its cost.
    """

    stochastic: bool = True
    drop_last: bool = True

    def plan(self, iteration: int, sigmas: tuple[float, ...], size: int, rng: Generator) -> StepPlan:
        """The same plan at every iteration; `trained` is (T,) or, without the last step, (T - 1,)."""
        steps = len(sigmas) - 1
        trained = torch.arange(steps - self.drop_last)
        if not len(trained):
            raise ConfigError("steps.drop_last leaves nothing to train of one step; raise sampling.steps to 2 or more.")
        return StepPlan(sigmas, (self.stochastic,) * steps, trained)
