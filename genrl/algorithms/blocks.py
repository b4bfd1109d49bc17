"""Packing rows that ask at noised samples into units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from genrl.randomness import Randomness
from genrl.types import ForwardPoint, RolloutGroup, Unit


@dataclass(frozen=True)
class Block:
    """Rows of one group at one draw that stand in one unit: their members, noise levels and keys of noise."""

    group: RolloutGroup
    draw: int
    members: tuple[int, ...]
    sigmas: tuple[float, ...]
    keys: tuple[Randomness, ...]


def units_of(blocks: Sequence[Block], rows: int, together: bool) -> Iterator[Unit]:
    """Units of at most `rows` rows, from the noisiest level to the cleanest.

    A model asks its network once for each level in a batch, so that rows of one level belong together. together: each block
    stays a part of its own; otherwise neighbours of the same group become one part.
    """
    batch: list[Block] = []
    room = rows
    for block in sorted(blocks, key=lambda block: -block.sigmas[0]):
        if len(block.members) > room:
            yield _unit(batch, together)
            batch, room = [], rows
        batch.append(block)
        room -= len(block.members)
    if batch:
        yield _unit(batch, together)


def _unit(batch: Sequence[Block], together: bool) -> Unit:
    runs = [[block] for block in batch] if together else [list(run) for _, run in groupby(batch, lambda b: id(b.group))]
    parts = tuple((run[0].group, torch.tensor([m for block in run for m in block.members])) for run in runs)
    sigma = torch.tensor([s for block in batch for s in block.sigmas], dtype=torch.float64)
    return Unit(parts, point=ForwardPoint(sigma, tuple(key for block in batch for key in block.keys)))
