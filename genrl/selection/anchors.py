"""Anchors: the members of a group at which the network is asked again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from genrl.errors import ConfigError
from genrl.registry import register


@register("anchors", "every")
@dataclass(frozen=True)
class EveryMember:
    """Every member is an anchor: what methods need whose members score only themselves (Dance-, Mix- and Flow-GRPO)."""

    def __call__(self, size: int, rng: Generator) -> Tensor:
        """(size,) member indices, ascending."""
        return torch.arange(size)


@register("anchors", "random")
@dataclass(frozen=True)
class RandomAnchors:
    """Some members, drawn without replacement: the set S of Neighbor GRPO's Algorithm 1 (arXiv:2511.16955).

    count: anchors B of a group. Up, the gradient averages over more starting points and learning costs proportionally
        more network passes; down, it is cheaper and noisier. The paper's best of 1, 2, 4, 6 (of 12) is 4; 2 comes
        close.
    """

    count: int = 4

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"anchors.count must be at least 1, got {self.count}.")

    def __call__(self, size: int, rng: Generator) -> Tensor:
        """(count,) distinct member indices, ascending. ConfigError if the group has fewer members."""
        if self.count > size:
            raise ConfigError(
                f"anchors.count is {self.count} but a group has {size} members; "
                f"lower anchors.count or raise sampling.group_size."
            )
        return torch.randperm(size, generator=rng)[: self.count].sort().values
