"""Where the objects of a scene stand: rejection sampling, a whole batch at a time.

Units are pixels of a 32 x 32 picture; ``x`` grows to the right and ``y`` downwards. B: pictures still to be placed,
C: candidates per picture and round, K = 4: object slots per picture (slots beyond a scene's objects are unused).
"""

import numpy as np

from genrl.scenes.grammar import RELATION

SIZE = 32
SLOTS = 4
MARGIN = 1.0
GAP = 1.5
CANDIDATES = 48
# Radius ranges for one to four objects, fewer drawn larger, and for the two objects of a relation.
_RADII = np.array([(6.0, 10.0), (4.8, 6.5), (4.5, 5.6), (4.2, 5.0), (5.0, 6.8)])


def object_counts(rows: np.ndarray) -> np.ndarray:
    """Number of objects, ``(N,)``, that scene rows ``(N, 7)`` ask for."""
    return np.where(rows[:, 0] == RELATION, 2, rows[:, 3])


def radius_ranges(rows: np.ndarray) -> np.ndarray:
    """Smallest and largest radius, float ``(N, 2)`` in pixels, the renderer gives the objects of each scene."""
    return _RADII[np.where(rows[:, 0] == RELATION, 4, rows[:, 3] - 1)]


def _acceptable(rows: np.ndarray, centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Which candidates, bool ``(B, C)``, keep their distance and stand in the asked relation."""
    counts, good = object_counts(rows)[:, None], np.ones(radius.shape[:2], bool)
    for i in range(1, SLOTS):
        for j in range(i):
            apart = np.abs(centre[:, :, i] - centre[:, :, j]).max(-1) > radius[:, :, i] + radius[:, :, j] + GAP
            good &= apart | (i >= counts)
    sign = np.where(rows[:, 6] % 2 == 0, 1.0, -1.0)[:, None]
    vertical = (rows[:, 6] >= 2)[:, None]
    offset = centre[:, :, 1] - centre[:, :, 0]
    along = sign * np.where(vertical, offset[..., 1], offset[..., 0])
    across = np.abs(np.where(vertical, offset[..., 0], offset[..., 1]))
    # Clearly beside and clearly above: no picture could be called both.
    related = (along > radius[:, :, :2].sum(-1) + GAP) & (across < 0.7 * along)
    return good & (related | (rows[:, 0] != RELATION)[:, None])


def place(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Centres ``(N, 4, 2)`` as (x, y) and radii ``(N, 4)`` of the objects of N scenes."""
    total = len(rows)
    centres, radii = np.zeros((total, SLOTS, 2), np.float32), np.zeros((total, SLOTS), np.float32)
    pending = np.arange(total)
    ranges = radius_ranges(rows)
    while pending.size:
        low, high = (ranges[pending, k, None, None] for k in (0, 1))
        radius = low + (high - low) * rng.random((pending.size, CANDIDATES, SLOTS))
        room = SIZE - 2 * (radius + MARGIN)
        centre = (radius + MARGIN)[..., None] + room[..., None] * rng.random((*radius.shape, 2))
        good = _acceptable(rows[pending], centre, radius)
        found, first = good.any(1), good.argmax(1)
        chosen = np.flatnonzero(found)
        centres[pending[chosen]] = centre[chosen, first[chosen]]
        radii[pending[chosen]] = radius[chosen, first[chosen]]
        pending = pending[~found]
    return centres, radii
