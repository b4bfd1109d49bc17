from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import StepPlan


@register("steps", "random-window")
@dataclass(frozen=True)
class RandomWindow:
    """A window of steps, drawn anew at each iteration, is noisy and trained; all others follow the ODE.

    Flow-GRPO-Fast (code of arXiv:2505.05470, `sde_window_size` and `sde_window_range`). The window lies in the steps
    int(begin T) to int(end T) - 1 and starts anywhere there with the same probability.

    size: steps in the window. Up, a rollout trains more steps at proportional cost and credit spreads over more noise.
    begin, end: shares of the T steps between which the window lies. A lower end keeps it where the picture is laid out; a
        higher one also trains details. The last step is never in it.
    contiguous: consecutive steps; False draws them singly (Flow-DPPO, arXiv:2606.11025), which spreads the credit of an
        iteration over more of the range.

    Departure: the window is drawn from the plan's generator, which all processes share and which each iteration keys anew.
    Older pipelines of the reference code seed a generator with the number of the process just before they draw, so that each
    process has one window for the whole run.
    """

    size: int = 3
    begin: float = 0.0
    end: float = 0.5
    contiguous: bool = True

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"steps.size must be at least 1, got {self.size}.")
        if not 0.0 <= self.begin < self.end <= 1.0:
            raise ConfigError(f"steps.begin and steps.end are shares with begin < end, got {self.begin} and {self.end}.")

    def plan(self, iteration: int, sigmas: tuple[float, ...], size: int, rng: Generator) -> StepPlan:
        """Noise and training exactly in the window. ConfigError if it does not fit."""
        steps = len(sigmas) - 1
        first, last = int(self.begin * steps), min(int(self.end * steps), steps - 1) - self.size
        if last < first:
            raise ConfigError(
                f"A window of {self.size} steps does not fit between steps {first} and {last + self.size} of {steps}; raise "
                "sampling.steps or steps.end, or lower steps.size."
            )
        if self.contiguous:
            window = torch.arange(self.size) + int(torch.randint(first, last + 1, (), generator=rng))
        else:
            window = first + torch.randperm(last + self.size - first, generator=rng)[: self.size].sort().values
        return StepPlan(sigmas, tuple(step in window.tolist() for step in range(steps)), window)
