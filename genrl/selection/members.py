"""The members of a group that are learned from, by what they were worth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.errors import ConfigError
from genrl.registry import register


@register("members", "every")
@dataclass(frozen=True)
class Everyone:
    """All members, good and bad."""

    def __call__(self, advantages: Tensor) -> Tensor:
        """(G,) -> (G,) indices."""
        return torch.arange(len(advantages))


@register("members", "best-worst")
@dataclass(frozen=True)
class BestAndWorst:
    """The best and the worst member: the pair of online DPO.

    The first of equals is taken; where all are equal, members 0 and 1, which a loss has to leave alone.
    """

    def __call__(self, advantages: Tensor) -> Tensor:
        """(G,) -> (2,) indices, ascending. ConfigError for a group of one."""
        if len(advantages) < 2:
            raise ConfigError("best-worst needs two members; set sampling.group_size to 2 or more.")
        values = advantages.cpu().tolist()  # one wait for each group, before learning begins
        best, worst = values.index(max(values)), values.index(min(values))
        return torch.tensor([0, 1] if best == worst else sorted((best, worst)))
