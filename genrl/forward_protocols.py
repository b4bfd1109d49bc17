"""The contracts of components that only methods of the forward process have; see `protocols.py` for the others.

Such a method keeps nothing of a rollout but its samples. It noises them again and asks several weight sets about the result.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from torch import Generator, Tensor

from genrl.registry import slot
from genrl.types import Answers, Metrics


@slot("members")
class MemberSelector(Protocol):
    """Which members of a group are learned from: their advantages (G,) -> (B,) distinct indices, ascending.

    B depends on G alone, so that every iteration and every process asks the network equally often.
    """

    def __call__(self, advantages: Tensor) -> Tensor: ...


@slot("times")
class TimeSampler(Protocol):
    """Noise levels at which samples are asked: (K,) float64 in (0, 1], K the same for every draw.

    `grid` are the T+1 points of the rollout's grid. Drawn once for all rows that share their times.
    """

    def __call__(self, grid: tuple[float, ...], rng: Generator) -> Tensor: ...


@slot("sharing")
class NoiseSharing(Protocol):
    """Which rows are noised alike: rows whose keys are equal share their noise levels or their noise.

    prompt: its number in the run's order. member: of its group. draw: 0 .. K-1, the place among the sampler's levels.
    """

    def times(self, prompt: int, member: int) -> tuple[int, ...]: ...

    def noise(self, prompt: int, member: int, draw: int) -> tuple[int, ...]: ...


@slot("matching-loss")
class MatchingLoss(Protocol):
    """(answers at B rows of one group, advantages (B,)) -> (scalar: mean over rows, metrics). float64 in, float64 out."""

    #: What its rows are compared with: a loss of a "pair" is given exactly its two rows, one of a "group" all that are learned
    #: from, at one draw; "nothing" takes any rows of a group.
    compares: ClassVar[Literal["nothing", "pair", "group"]]

    @property
    def weight_sets(self) -> frozenset[str]:
        """The weight sets beside the current one whose answers it needs."""
        ...

    def __call__(self, answers: Answers, advantage: Tensor) -> tuple[Tensor, Metrics]: ...


@slot("matching-regularizer")
class MatchingRegularizer(Protocol):
    """A penalty at noised samples, already multiplied by its `beta`: (B,) values."""

    @property
    def weights(self) -> str:
        """The weight set that it holds the policy to."""
        ...

    def __call__(self, answers: Answers, advantage: Tensor) -> Tensor: ...
