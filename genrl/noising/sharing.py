"""Who is noised alike. A common level and noise cancel in the comparison of two samples, which leaves less variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genrl.registry import register

#: Who shares the noise levels: nobody, the members of a group, or all samples of an iteration.
Scope = Literal["sample", "group", "iteration"]


def key(scope: Scope, prompt: int, member: int) -> tuple[int, ...]:
    return {"sample": (prompt, member), "group": (prompt,), "iteration": ()}[scope]


@register("sharing", "sample")
@dataclass(frozen=True)
class PerSample:
    """Every sample has its own noise at every draw.

    levels: who shares the noise levels. "sample" decorrelates the rows of a batch; "group" makes the members of a group
        comparable; "iteration" asks all rows at one level, in batches as large as `train.rows`, which is fastest where
        levels are continuous.
    """

    levels: Scope = "sample"

    def times(self, prompt: int, member: int) -> tuple[int, ...]:
        return key(self.levels, prompt, member)

    def noise(self, prompt: int, member: int, draw: int) -> tuple[int, ...]:
        return (prompt, member, draw)


@register("sharing", "group")
@dataclass(frozen=True)
class PerGroup:
    """The members of a group that are learned from, all of them or a pair, share one noise at every draw.

    levels: who shares the noise levels; "group", or "iteration" for large batches where levels are continuous.
    constant: one noise for all draws (DGPO, arXiv:2510.08425). The draws then tell levels apart and nothing else; False
        averages over noises too.
    """

    levels: Scope = "group"
    constant: bool = False

    def times(self, prompt: int, member: int) -> tuple[int, ...]:
        return key(self.levels, prompt, member)

    def noise(self, prompt: int, member: int, draw: int) -> tuple[int, ...]:
        return (prompt,) if self.constant else (prompt, draw)
