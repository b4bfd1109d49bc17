"""Does the picture show what the prompt asks for? Measured from the pixels, with smooth partial credit.

N pictures, M objects found in all of them, 2 wanted items per scene (the second only for a relation).
"""

from dataclasses import dataclass

import numpy as np

from genrl.scenes.components import UNIT_AREA, Objects
from genrl.scenes.grammar import RELATION
from genrl.scenes.placement import radius_ranges


@dataclass(frozen=True)
class Verdict:
    """Per picture, float ``(N,)``: ``correctness`` in [0, 1] and ``strict``, 1 if nothing at all is wrong."""

    correctness: np.ndarray
    strict: np.ndarray


@dataclass(frozen=True)
class _Item:
    """How well one wanted item (so many objects of one colour and shape) is met, each ``(N,)``."""

    count: np.ndarray  # 1 if the number of objects of the colour is right, falling with the distance
    shape: np.ndarray  # mean over the wanted objects of how well shape and size match
    exact: np.ndarray  # bool: right number, each of the right shape and size
    found: np.ndarray  # number of objects of the colour
    x: np.ndarray  # centroid of the largest object of the colour, NaN without one
    y: np.ndarray


def _shape_match(objects: Objects, shape: np.ndarray, ranges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smooth match in [0, 1] and strict match of each object, ``(M,)``, with the shape wanted of it."""
    index = np.arange(len(shape))
    fit = objects.fit[index, shape]
    rival = np.where(np.arange(3) == shape[:, None], -1, objects.fit).max(1)
    radius = np.sqrt(objects.area / UNIT_AREA[shape])
    off_size = np.maximum(np.maximum(ranges[:, 0] - radius, radius - ranges[:, 1]), 0) / ranges.mean(1)
    preferred = 1 / (1 + np.exp(np.clip((rival - fit) / 0.03, -30, 30)))
    smooth = np.clip((fit - 0.5) / 0.45, 0, 1) * (0.3 + 0.7 * preferred) / (1 + (off_size / 0.2) ** 2)
    return smooth, (fit > rival) & (fit > 0.75) & (off_size < 0.2)


def _judge_item(objects: Objects, colour: np.ndarray, shape: np.ndarray, count: np.ndarray, ranges: np.ndarray) -> _Item:
    total = len(colour)
    mine = np.flatnonzero(objects.colour == colour[objects.picture])
    mine = mine[np.lexsort((-objects.area[mine], objects.picture[mine]))]
    picture = objects.picture[mine]
    subset = Objects(*(getattr(objects, name)[mine] for name in objects.__dataclass_fields__))
    smooth, strict = _shape_match(subset, shape[picture], ranges[picture])
    found = np.bincount(picture, minlength=total)
    rank = np.arange(len(mine)) - np.searchsorted(picture, picture)  # 0 for the largest object of its picture
    wanted = rank < count[picture]
    largest = rank == 0
    x, y = np.full((2, total), np.nan)
    x[picture[largest]], y[picture[largest]] = subset.x[largest], subset.y[largest]
    return _Item(
        count=np.clip(1 - np.abs(found - count) / count, 0, 1),
        shape=np.bincount(picture, smooth * wanted, total) / count,
        exact=(found == count) & (np.bincount(picture, ~strict, total) == 0),
        found=found,
        x=x,
        y=y,
    )


def _relation(rows: np.ndarray, first: _Item, second: _Item) -> np.ndarray:
    """How far, in pixels ``(N,)``, the objects stand in the asked direction; -inf where one of them is missing."""
    sign = np.where(rows[:, 6] % 2 == 0, 1.0, -1.0)
    along = sign * np.where(rows[:, 6] >= 2, second.y - first.y, second.x - first.x)
    return np.where(np.isnan(along), -np.inf, along)


def judge(rows: np.ndarray, objects: Objects) -> Verdict:
    """Compare the objects found in N pictures with the scene rows ``(N, 7)`` they should show."""
    related, ranges = rows[:, 0] == RELATION, radius_ranges(rows)
    first = _judge_item(objects, rows[:, 1], rows[:, 2], rows[:, 3], ranges)
    second = _judge_item(objects, np.where(related, rows[:, 4], -1), rows[:, 5], np.ones(len(rows)), ranges)
    present = np.bincount(objects.picture, minlength=len(rows))
    surplus = present - first.found - np.where(related, second.found, 0)
    distance = _relation(rows, first, second)
    count = np.where(related, (first.count + second.count) / 2, first.count)
    shape = np.where(related, (first.shape + second.shape) / 2, first.shape)
    tidy = count / (1 + np.maximum(surplus, 0))
    plain = 0.40 * count + 0.45 * shape + 0.15 * tidy
    # Saturates at 10 pixels: objects of a relation stand at least that far apart when drawn.
    composed = 0.22 * count + 0.33 * shape + 0.30 * np.clip(0.4 + 0.06 * distance, 0, 1) + 0.15 * tidy
    strict = first.exact & (surplus == 0) & (~related | (second.exact & (distance > 3)))
    return Verdict(np.where(related, composed, plain), strict.astype(float))
