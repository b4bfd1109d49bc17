"""The nouns of the package. Read this first, then `protocols.py`.

Time runs from sigma = 1 (noise) to sigma = 0 (data):  x_sigma = (1 - sigma) x0 + sigma eps,  v = dx/dsigma = eps - x0.

Shapes: G members of a group, T steps, K trained steps, N prompts, R rewards, B anchors in one batch, C candidates for each
anchor, *L the dimensions of one latent. A name carries its shape as suffix (`log_ratio_BC`) where its rank does not tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from genrl.bounds import Count, Positive
from genrl.randomness import Randomness

#: Names to 0-dim tensors on the device (never `.item()` inside a loop). Averaged over an iteration, weighted by rows;
#: a name that ends in `_max` keeps its maximum instead.
Metrics = dict[str, Tensor]


@dataclass(frozen=True)
class Prompt:
    """One prompt as drawn: `index` is its position in the run's endless order, so no two draws share their noise.

    request: what a prompt writer was asked for when it wrote `text`; None where nobody rewrote it. The model is conditioned
    on `text`, rewards judge against `asked`.
    """

    text: str
    columns: Mapping[str, Any] = field(default_factory=dict)
    index: int = 0
    request: str | None = None

    @property
    def asked(self) -> str:
        """What the picture has to show."""
        return self.text if self.request is None else self.request

    @property
    def caption(self) -> str:
        """What stands under the picture: the prompt, on a line after the request that it was written for."""
        return self.text if self.request is None else f"{self.request}\n-> {self.text}"


@dataclass(frozen=True)
class Condition:
    """What each row of a batch is asked for. The model keeps one encoding for each distinct text, so slicing is free."""

    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self, index: Sequence[int] | Tensor) -> Condition:
        return Condition(tuple(self.texts[int(i)] for i in index))

    def repeat(self, times: int) -> Condition:
        """Each row `times` times, neighbours together."""
        return Condition(tuple(text for text in self.texts for _ in range(times)))

    @staticmethod
    def join(parts: Sequence[Condition]) -> Condition:
        return Condition(tuple(text for part in parts for text in part.texts))


@dataclass(frozen=True)
class Sampling:
    """How a group is sampled.

    steps: solver steps T; more cost more and follow the flow better.
    group_size: members G for each prompt; larger groups give steadier advantages and cost proportionally more.
    shift: None keeps the model's own sigma grid; m > 0 takes sigma = m u / (1 + (m-1) u) on T even steps of u.
    store: dtype in which states are kept; states are rounded to it before they are scored, so the ratio stays exact.
    """

    steps: Count = 8
    group_size: Count = 12
    shift: Positive | None = None
    store: Literal["float64", "float32", "bfloat16", "float16"] = "float32"

    @property
    def dtype(self) -> torch.dtype:
        return getattr(torch, self.store)


@dataclass(frozen=True)
class Step:
    """One transition, a Gaussian that may be degenerate. Sampling is `mean + std * noise`; scoring uses the same numbers.

    mean (B, *L) is differentiable in the policy; std is a float, exactly 0.0 for a deterministic step;
    x0 (B, *L) is the clean estimate; carry is the solver's memory for the next step: None, or a tuple whose tensors
    have B rows.
    """

    mean: Tensor
    std: float
    x0: Tensor
    carry: Any = None


@dataclass(frozen=True)
class Lineage:
    """Which members of a group share their states: a tree whose leaves are the members. Both tensors are on the CPU.

    nodes: (G, T+1) int64, the member that stands for the state of member g at point k. Members with the same number share
        that state, which is computed and kept once; at point T each stands for itself.
    noise: (G, T) by how much the noise on the way of member g from point t to t + 1 is multiplied; 0 makes it deterministic.
    """

    nodes: Tensor
    noise: Tensor

    def at(self, point: int) -> Tensor:
        """The members (n,) that stand for the nodes at a point, ascending."""
        return self.nodes[:, point].unique()

    def parents(self, step: int) -> Tensor:
        """For each node after `step`, the row of its parent among the nodes before it."""
        return torch.searchsorted(self.at(step), self.nodes[self.at(step + 1), step])


@dataclass(frozen=True)
class StepPlan:
    """Decided once for an iteration, used by rollout and learning alike.

    sigmas: T+1 floats from 1 to 0 (floats, not a tensor: reading them must never wait for a device).
    stochastic: T flags, where noise enters.
    trained: (K,) steps for all members, or (G, K): each member has its own. CPU, int64, sorted and unique in the last axis;
        none where learning asks elsewhere than on the trajectory, which then is not kept.
    weights: the weight set that samples.
    lineage: which members share their states, None where each has its own from the start.
    """

    sigmas: tuple[float, ...]
    stochastic: tuple[bool, ...]
    trained: Tensor
    weights: str = "current"
    lineage: Lineage | None = None

    @property
    def length(self) -> int:
        return len(self.stochastic)

    @property
    def steps(self) -> list[int]:
        """The steps that any member trains, ascending."""
        return sorted(set(self.trained.flatten().tolist()))

    def members(self, step: int, size: int) -> Tensor:
        """The members (M,) of a group of `size` that train `step`; of those that share the state after it, one."""
        members = torch.arange(size)
        if self.trained.ndim > 1:
            members = members[(self.trained == step).any(dim=1)]
        return members if self.lineage is None else members[self.lineage.nodes[members, step + 1] == members]

    def nodes(self, point: int, size: int) -> Tensor:
        """The members (n,) of a group of `size` that stand for its different states at a point, ascending."""
        return torch.arange(size) if self.lineage is None else self.lineage.at(point)


@dataclass(frozen=True)
class KeptStep:
    """What a rollout remembers of one trained step, for the members that train it. Rows follow `members`.

    state, next_state (M, *L); velocity (M, *L) as evaluated at `state`, which `walk` always keeps; log_prob (M,) of
    `next_state`, the mean over dimensions.
    """

    members: Tensor
    state: Tensor
    next_state: Tensor
    carry: Any = None
    velocity: Tensor | None = None
    log_prob: Tensor | None = None

    def row_of(self, members: Tensor) -> Tensor:
        """Rows at which `members` (sorted or not) are kept."""
        return torch.searchsorted(self.members, members)


@dataclass
class RolloutGroup:
    """One prompt and its G members: the unit of everything that is relative to a group.

    final (G, *L) is what gets decoded and scored; `kept` holds only the steps that the plan trains;
    advantages (G, 1) or (G, T) are written once the rewards are in, and `idle` with them: whether all of them are 0.
    """

    prompt: Prompt
    condition: Condition
    plan: StepPlan
    final: Tensor
    kept: dict[int, KeptStep]
    advantages: Tensor | None = None
    idle: bool = False

    @property
    def size(self) -> int:
        return self.final.shape[0]

    def advantage(self, candidates: Tensor, step: int) -> Tensor:
        """Advantages of `candidates` (B, C) at `step`; same shape."""
        assert self.advantages is not None, "advantages are written by the trainer before learning"
        return take(self.advantages[:, step if self.advantages.shape[1] > 1 else 0], candidates)


@dataclass(frozen=True)
class ForwardPoint:
    """Where on the forward process B rows are asked: x = (1 - sigma) x0 + sigma eps.

    sigma: (B,) float64 on the CPU, in (0, 1]. keys: of B draws of noise; equal keys are the same noise. It is drawn where it is
    used, because the noise of all rows of an iteration is as big as many rollouts.
    """

    sigma: Tensor
    keys: tuple[Randomness, ...]

    def rows(self, index: Sequence[int]) -> ForwardPoint:
        return ForwardPoint(self.sigma[list(index)], tuple(self.keys[i] for i in index))

    def noise(self, shape: Sequence[int]) -> Tensor:
        """(B, *shape) standard normal, float32 on the CPU."""
        drawn = {key: torch.randn(tuple(shape), generator=key.generator()) for key in dict.fromkeys(self.keys)}
        return torch.stack([drawn[key] for key in self.keys])


@dataclass(frozen=True)
class Answers:
    """What weight sets answered about B noised rows, all in float64 where the device has it.

    velocity (B, *L) of the current weights, differentiable; under: the same of other weight sets by name, without gradient;
    target (B, *L) is eps - x0, which velocity is matched with; sigma (B,).
    """

    velocity: Tensor
    under: Mapping[str, Tensor]
    target: Tensor
    sigma: Tensor

    def rows(self, own: slice) -> Answers:
        under = {name: answer[own] for name, answer in self.under.items()}
        return Answers(self.velocity[own], under, self.target[own], self.sigma[own])


@dataclass(frozen=True)
class Unit:
    """One forward-backward: rows of one or more groups, all at the same step, in one batch.

    parts: (group, members (B,)) pairs. `weight` counts rows, so that units of different sizes average correctly.
    point: for methods that ask at noised samples, where, over the rows of all parts; a member may then stand in several rows.
    skips: whether idle groups add nothing to the gradient. They need not be asked then, enter no metric, and still count in
        the mean.
    """

    parts: tuple[tuple[RolloutGroup, Tensor], ...]
    step: int = 0
    point: ForwardPoint | None = None
    skips: bool = False

    @property
    def weight(self) -> int:
        return sum(len(members) for _, members in self.parts)

    @property
    def live(self) -> int:
        """The rows that can add something to the gradient."""
        return sum(len(members) for group, members in self.parts if not (self.skips and group.idle))


@dataclass(frozen=True)
class Paper:
    """Where a recipe comes from; printed by `genrl cite`."""

    title: str
    authors: str
    year: int
    arxiv: str

    def bibtex(self) -> str:
        key = self.authors.split(",")[0].split()[-1].lower() + str(self.year) + self.title.split()[0].strip(":").lower()
        return (
            f"@article{{{key},\n  title = {{{self.title}}},\n  author = {{{self.authors.replace(', ', ' and ')}}},\n"
            f"  journal = {{arXiv preprint arXiv:{self.arxiv}}},\n  year = {{{self.year}}}\n}}"
        )


def take(carry: Any, rows: Tensor | slice) -> Any:
    """Rows of a solver's carry: tensors are indexed, tuples are walked through, everything else is shared by all rows."""
    if isinstance(carry, Tensor):
        # An index on another device makes the host wait for this one.
        return carry[rows.to(carry.device, non_blocking=True) if isinstance(rows, Tensor) else rows]
    if isinstance(carry, tuple):
        parts = [take(part, rows) for part in carry]
        return type(carry)(*parts) if hasattr(carry, "_fields") else tuple(parts)
    return carry
