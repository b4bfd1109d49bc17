from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.selection.compressed_tail import compressed_tail
from genrl.types import StepPlan


@register("steps", "sliding-window")
@dataclass(frozen=True)
class SlidingWindow:
    """A window of consecutive steps that are noisy and trained; all others follow the ODE (MixGRPO, arXiv:2507.21802).

    The window starts at the noisy end and slides towards the data as training goes on. Steps 0 .. M - 1 can be trained.

    size: steps w in the window. Up, a rollout trains more steps at proportional cost and credit spreads over more
        noise.
    iterations_per_window: iterations tau before the window moves. Up, each window is learned longer before the next.
    stride: steps by which it moves; `size` makes windows disjoint, 0 freezes the window where it starts
        (MixGRPO-Flash*).
    strategy: "progressive" moves every tau iterations; "random" draws the start anew at every iteration and ignores
        tau and stride; "decay" spends from `max_iterations_per_window` at the noisy end to `min_iterations_per_window`
        at the clean end; "exp-decay" spends ceil(tau exp(-decay_rate max(0, start - decay_from))).
    mode: "fixed" has M = T - 1 and full windows only. "strict" reproduces the reference code: M = T - 2, so the last
        but one step is never trained; windows shrink at the end and the one at M is empty (such an iteration trains
        nothing); the first random window starts at 0; a compressed tail may stop above sigma = 0.
    roll_back: past the last window, start again at the first; False stays at the last.
    tail_ratio: MixGRPO-Flash: steps after the window are fewer by this ratio, for a multistep ODE solver. Down,
        rollouts are cheaper and images coarser; None keeps the grid.
    max_iterations_per_window, min_iterations_per_window: of "decay". decay_rate, decay_from: of "exp-decay"; a higher
        rate hurries through the windows after `decay_from`.

    Departures: "random" draws from the plan's generator, which all processes share, where the reference code draws
    differently on each; an empty window keeps the whole grid where the reference code of Flash crashes.
    """

    size: int = 4
    iterations_per_window: int = 25
    stride: int = 1
    strategy: Literal["progressive", "random", "decay", "exp-decay"] = "progressive"
    mode: Literal["fixed", "strict"] = "fixed"
    roll_back: bool = True
    tail_ratio: float | None = None
    max_iterations_per_window: int = 10
    min_iterations_per_window: int = 1
    decay_rate: float = 0.1
    decay_from: int = 13

    def __post_init__(self) -> None:
        if min(self.size, self.iterations_per_window, self.min_iterations_per_window) < 1:
            raise ConfigError("steps.size and the iterations per window of sliding-window must be at least 1.")
        if self.stride < 0:
            raise ConfigError(f"steps.stride must be 0 (a frozen window) or more, got {self.stride}.")
        if self.tail_ratio is not None and not 0.0 < self.tail_ratio <= 1.0:
            raise ConfigError(f"steps.tail_ratio must lie in (0, 1], got {self.tail_ratio}; null keeps the whole grid.")
        if self.tail_ratio is not None and self.mode == "strict" and self.strategy != "progressive":
            raise ConfigError("The reference code compresses tails of progressive windows only; set steps.mode=fixed.")

    def plan(self, iteration: int, sigmas: tuple[float, ...], size: int, rng: Generator) -> StepPlan:
        """Noise and training exactly in the window; with `tail_ratio` the plan has its own, shorter grid."""
        end = self._end(len(sigmas) - 1)
        start = self._random_start(iteration, end, rng) if self.strategy == "random" else self._start(iteration, end)
        window = range(start, min(start + self.size, end))
        if self.tail_ratio is not None and window:
            sigmas = compressed_tail(sigmas, window[-1], self.tail_ratio, smallest=2 if self.mode == "fixed" else 1)
        stochastic = tuple(step in window for step in range(len(sigmas) - 1))
        return StepPlan(sigmas, stochastic, torch.tensor(list(window), dtype=torch.int64))

    def _end(self, steps: int) -> int:
        """M, the first step that no window reaches."""
        end = steps - 1 if self.mode == "fixed" else steps - 2
        needed = self.size if self.mode == "fixed" or self.strategy == "random" else 1
        if end < needed:
            raise ConfigError(
                f"A window of {self.size} steps does not fit: of sampling.steps={steps}, {max(end, 0)} can be trained "
                f"in {self.mode} mode; raise sampling.steps or lower steps.size."
            )
        return end

    def _start(self, iteration: int, end: int) -> int:
        """Where the window starts: the reference code's counter, walked from iteration 0 window by window."""
        last = end - self.size if self.mode == "fixed" else end
        start = 0
        while iteration >= (held := self._iterations(start, end)):
            iteration -= held
            following = start + self.stride
            if following > last:
                following = 0 if self.roll_back else last
            if following == start:
                break
            start = following
        return start

    def _random_start(self, iteration: int, end: int, rng: Generator) -> int:
        if self.mode == "strict" and iteration == 0:
            return 0
        return int(torch.randint(0, end - self.size + 1, (), generator=rng))

    def _iterations(self, start: int, end: int) -> int:
        """tau of the window at `start`."""
        if self.strategy == "decay":
            done = start / end
            spent = self.max_iterations_per_window * (1.0 - done) + self.min_iterations_per_window * done
            return max(self.min_iterations_per_window, int(spent))
        if self.strategy == "exp-decay":
            return math.ceil(self.iterations_per_window * math.exp(-self.decay_rate * max(0, start - self.decay_from)))
        return self.iterations_per_window
