from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import Lineage, StepPlan


@register("steps", "branch-once")
@dataclass(frozen=True)
class BranchOnce:
    """Each member leaves its seed's ODE at one step, where alone noise enters, and follows the ODE to the end.

    TempFlow-GRPO (arXiv:2508.04324, trajectory branching). A member trains the step at which it branches off, so what it is
    worth beside its siblings is what that step's noise did. A group of seeds x branches x (T - 1) members branches at every
    step but the last, as the authors' code does; in a smaller one the steps are drawn anew at each iteration, the same for
    all seeds; one below seeds x branches has fewer seeds. The trunk of a seed is walked once, from the initial noise of the
    member that stands for it.

    seeds: initial noises in a group. Up, a prompt is seen from more starts at proportional cost; 1 compares all members.
    branches: members that leave one seed at one step, at least. Up, siblings tell more about that step; with a given group
        size, fewer steps are trained at an iteration.
    """

    seeds: int = 4
    branches: int = 6

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.branches < 2:
            raise ConfigError(f"steps.seeds must be at least 1 and steps.branches 2, got {self.seeds} and {self.branches}.")

    def plan(self, iteration: int, sigmas: tuple[float, ...], size: int, rng: Generator) -> StepPlan:
        """`trained` is (size, 1). ConfigError if there are fewer members than branches."""
        steps, seeds = len(sigmas) - 1, min(self.seeds, size // self.branches)
        if seeds < 1 or steps < 2:
            raise ConfigError(
                f"steps.branches={self.branches} members branch off at one of at least 2 steps; sampling.group_size={size} or "
                f"sampling.steps={steps} is too low."
            )
        count = min(size // self.branches // seeds, steps - 1)
        chosen = torch.randperm(steps - 1, generator=rng)[:count].sort().values
        firsts = torch.arange(seeds * count) * size // (seeds * count)
        family = torch.searchsorted(firsts, torch.arange(size), right=True) - 1
        own = chosen[family % count]
        trunk = firsts[family // count * count + count - 1]  # the family that leaves it last
        nodes = torch.where(torch.arange(steps + 1) <= own[:, None], trunk[:, None], torch.arange(size)[:, None])
        noise = (torch.arange(steps) == own[:, None]).float()
        stochastic = tuple(step in chosen.tolist() for step in range(steps))
        return StepPlan(sigmas, stochastic, own[:, None], lineage=Lineage(nodes, noise))
