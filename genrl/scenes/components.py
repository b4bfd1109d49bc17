"""Find the coloured objects of a batch of pictures and measure them, without a Python loop over pictures.

N pictures, S = 32 pixels, M objects in the whole batch (all pictures together), 6 colours, 3 shapes.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from genrl.scenes.drawing import PALETTE, signed_distance
from genrl.scenes.placement import SIZE

MIN_AREA = 10  # smaller coloured patches are specks, not objects; the smallest object drawn has about 32 pixels
_CHROMA = PALETTE - PALETTE.mean(1, keepdims=True)
_STRENGTH = np.linalg.norm(_CHROMA, axis=1)
_DIRECTION = _CHROMA / _STRENGTH[:, None]
# Four-neighbour connectivity inside a picture, none between neighbouring pictures of the stack.
_NEIGHBOURS = np.zeros((3, 3, 3), bool)
_NEIGHBOURS[1] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
# Area of a shape of radius 1, and how far below the middle of its box a triangle's centroid lies (in radii).
UNIT_AREA = np.array([np.pi, 1.8**2, 1.85])
_SINK = np.array([0.0, 0.0, 1.85 * 2 / 3 - 1])


@dataclass(frozen=True)
class Objects:
    """The objects found in a batch: one entry per object, sorted by picture, then colour.

    ``picture``, ``colour`` int ``(M,)``; ``x``, ``y`` centroid in pixels and ``area`` in pixels, ``(M,)``;
    ``fit`` ``(M, 3)``: overlap (IoU) of the object with each shape of its own area and centroid.
    """

    picture: np.ndarray
    colour: np.ndarray
    x: np.ndarray
    y: np.ndarray
    area: np.ndarray
    fit: np.ndarray


def colour_masks(pictures: np.ndarray) -> np.ndarray:
    """Which pixels clearly show which palette colour: bool ``(N, 6, S, S)`` of pictures ``(N, 3, S, S)``."""
    chroma = pictures - pictures.mean(1, keepdims=True)
    strength = np.sqrt((chroma * chroma).sum(1))
    along = np.einsum("nchw,kc->nkhw", chroma, _DIRECTION.astype(np.float32))
    nearest = along.argmax(1)
    vivid = (strength > 0.5 * _STRENGTH[nearest]) & (along.max(1) > 0.85 * strength)
    return vivid[:, None] & (nearest[:, None] == np.arange(len(PALETTE))[:, None, None])


def _shape_fit(masks: np.ndarray, x: np.ndarray, y: np.ndarray, area: np.ndarray) -> np.ndarray:
    """IoU ``(M, 3)`` of masks ``(M, S, S)`` with the three shapes placed at the same centroid with the same area."""
    radius = np.sqrt(area[:, None] / UNIT_AREA).astype(np.float32)
    grid = np.arange(SIZE, dtype=np.float32) + 0.5
    fits = []
    for shape in range(len(UNIT_AREA)):
        r = radius[:, shape, None, None]
        dx = grid[None, None, :] - x[:, None, None].astype(np.float32)
        dy = grid[None, :, None] - (y[:, None, None].astype(np.float32) - _SINK[shape].astype(np.float32) * r)
        cover = np.clip(0.5 - signed_distance(shape, dx, dy, r), 0, 1)
        shared = (cover * masks).sum((1, 2))
        fits.append(shared / (cover.sum((1, 2)) + masks.sum((1, 2)) - shared))
    return np.stack(fits, 1)


def find_objects(pictures: np.ndarray) -> Objects:
    """The connected, clearly coloured regions of at least ``MIN_AREA`` pixels in pictures ``(N, 3, S, S)``."""
    masks = colour_masks(pictures)
    stack = masks.reshape(-1, SIZE, SIZE)
    labels, _ = ndimage.label(stack, _NEIGHBOURS)
    flat = np.flatnonzero(labels)
    label = labels.ravel()[flat]
    area = np.bincount(label)
    keep = np.flatnonzero(area >= MIN_AREA)
    kept_area = area[keep].astype(float)
    x = np.bincount(label, flat % SIZE + 0.5, len(area))[keep] / kept_area
    y = np.bincount(label, flat // SIZE % SIZE + 0.5, len(area))[keep] / kept_area
    plane = np.zeros(len(area), np.int64)
    plane[label] = flat // (SIZE * SIZE)
    plane = plane[keep]
    fit = _shape_fit(labels[plane] == keep[:, None, None], x, y, kept_area)
    return Objects(plane // len(PALETTE), plane % len(PALETTE), x, y, kept_area, fit)
