from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import Lineage, StepPlan


@register("steps", "branching")
@dataclass(frozen=True)
class Branching:
    """A tree in the place of G chains: all members start as one and part at splits; every step is noisy.

    BranchGRPO (arXiv:2509.06040). The network is asked once for each node, and each edge is trained once. The root of the tree
    is the initial noise of its first member, so a perturber other than `shared` changes nothing.

    splits: the steps at which each node has several children, as shares of the T steps. More of them, or earlier ones, part
        the members sooner: more to tell apart, at a cost nearer to that of chains. The default is the authors' {0, 3, 6, 9}
        of 20.
    children: of a node at a split. Up, fewer splits make as many leaves.
    split_noise: by how much the noise at a split is multiplied. Up, siblings differ more and their pictures leave what the
        model knows; 1 is the density that the surrogate scores. At the authors' 4 the stored log-probability is not that of
        the draw: the ratio still starts at 1, and the gradient at splits is 4 times larger.
    depth: the share of steps, from the noisy end, whose edges are trained (depth pruning). Down, late steps cost no gradient
        and details learn nothing.
    drop_last: the last step is not trained, as nothing of its noise is in the clean estimate that is decoded; False trains
        it.

    Departures: a group size that is no power of `children` makes a tree whose branches differ by a member, and only the
    noise of nodes that part is multiplied. Pruning by reward, and depth pruning that slides, are not offered.
    """

    splits: tuple[float, ...] = (0.0, 0.15, 0.3, 0.45)
    children: int = 2
    split_noise: float = 4.0
    depth: float = 1.0
    drop_last: bool = True

    def __post_init__(self) -> None:
        if not all(0.0 <= split < 1.0 for split in self.splits):
            raise ConfigError(f"steps.splits are shares of the steps, at least 0 and below 1, got {list(self.splits)}.")
        if self.children < 2:
            raise ConfigError(f"steps.children must be 2 or more, got {self.children}.")
        if not self.split_noise > 0.0 or not 0.0 < self.depth <= 1.0:
            raise ConfigError("steps.split_noise must be positive and steps.depth lie in (0, 1].")

    def plan(self, iteration: int, sigmas: tuple[float, ...], size: int, rng: Generator) -> StepPlan:
        """The same plan at every iteration. ConfigError if the splits do not part all members."""
        steps, leaves = len(sigmas) - 1, self.children ** len(self.splits)
        if leaves < size:
            raise ConfigError(
                f"{len(self.splits)} splits make {leaves} leaves, fewer than sampling.group_size={size}; add to steps.splits."
            )
        splits = [round(share * steps) for share in self.splits]
        points = [sum(split < point for split in splits) for point in range(steps + 1)]
        nodes = torch.stack([_shares(size, self.children**level) for level in points], dim=1)
        trained = torch.arange(min(steps - self.drop_last, round(self.depth * steps)))
        if max(splits, default=0) >= steps or not len(trained):
            raise ConfigError(f"The tree does not fit into {steps} steps; raise sampling.steps or steps.depth.")
        return StepPlan(sigmas, (True,) * steps, trained, lineage=Lineage(nodes, self._noise(nodes)))

    def _noise(self, nodes: Tensor) -> Tensor:
        """(G, T): multiplied where members that were one are fewer after the step."""
        together = (nodes[:, None] == nodes[None]).sum(dim=1)
        return torch.where(together[:, :-1] > together[:, 1:], self.split_noise, 1.0)


def _shares(size: int, count: int) -> Tensor:
    """(size,) the first member of the share to which each of `size` members belongs when they are divided into `count`."""
    if count >= size:
        return torch.arange(size)
    firsts = torch.tensor([i * size // count for i in range(count)])
    return firsts[torch.searchsorted(firsts, torch.arange(size), right=True) - 1]
