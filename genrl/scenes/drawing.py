"""Draw scenes as 32 x 32 pictures with exact ground truth, a whole batch at a time.

N pictures, K = 4 object slots, S = 32 pixels. Colours are RGB in [0, 1].
"""

import numpy as np

from genrl.scenes.grammar import COLOURS, COUNT, RELATION, SHAPES
from genrl.scenes.placement import SIZE, SLOTS, object_counts, place

PALETTE = np.array(  # in the order of COLOURS
    [
        (0.90, 0.15, 0.15),
        (0.15, 0.70, 0.20),
        (0.15, 0.30, 0.90),
        (0.95, 0.82, 0.10),
        (0.72, 0.20, 0.85),
        (0.10, 0.78, 0.85),
    ],
    np.float32,
)
GROUND = (0.80, 0.92)  # brightness of the ground; not up to white, so that bleaching a picture is a visible fault
_Y, _X = (grid.astype(np.float32) + 0.5 for grid in np.mgrid[0:SIZE, 0:SIZE])


def signed_distance(shape: int, dx: np.ndarray, dy: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Signed distance in pixels, negative inside, of offsets from the centre to a circle (0), square or triangle."""
    if SHAPES[shape] == "circle":
        return np.sqrt(dx * dx + dy * dy) - radius
    if SHAPES[shape] == "square":
        return np.maximum(np.abs(dx), np.abs(dy)) - 0.9 * radius
    return np.maximum(dy - 0.85 * radius, (1.85 * np.abs(dx) - (dy + radius)) / 2.103)


def corrupt(rows: np.ndarray, chance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scene rows ``(N, 7)`` where, with probability ``chance`` ``(N,)``, one thing differs from what was asked."""
    rows, total = rows.copy(), len(rows)
    wrong, which = rng.random(total) < chance, rng.integers(0, 3, total)
    is_count, is_relation = rows[:, 0] == COUNT, rows[:, 0] == RELATION
    shift = rng.integers(1, 3, total)
    colour = wrong & (which == 0)
    shape = wrong & (which == 1)
    other = wrong & (which == 2)
    rows[:, 2] = np.where(shape, (rows[:, 2] + shift) % len(SHAPES), rows[:, 2])
    rows[:, 1] = np.where(colour, (rows[:, 1] + shift) % len(COLOURS), rows[:, 1])
    rows[:, 3] = np.where(other & is_count, 2 + (rows[:, 3] - 2 + shift) % 3, rows[:, 3])
    rows[:, 5] = np.where(other & is_relation, (rows[:, 5] + shift) % len(SHAPES), rows[:, 5])
    return rows


def _ground(total: int, rng: np.random.Generator) -> np.ndarray:
    level = rng.uniform(*GROUND, (total, 1, 1, 1)) + rng.uniform(-0.012, 0.012, (total, 1, 1, 3))
    slope = rng.uniform(-0.06, 0.06, (total, 1, 1, 1)) * (_Y / SIZE - 0.5)[None, :, :, None]
    return (level + slope).astype(np.float32)


def _paint(picture: np.ndarray, rows: np.ndarray, rough: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Paint the objects of ``rows`` over ``picture`` ``(N, S, S, 3)``; ``rough`` ``(N,)`` jolts the edges (pixels)."""
    total = len(rows)
    centre, radius = place(rows, rng)
    slots, counts = np.arange(SLOTS), object_counts(rows)
    second = (rows[:, :1] == RELATION) & (slots == 1)
    shape = np.where(second, rows[:, 5:6], rows[:, 2:3])
    colour = np.where(second, rows[:, 4:5], rows[:, 1:2])
    tint = PALETTE[colour] + rng.uniform(-0.03, 0.03, (total, SLOTS, 3)).astype(np.float32)
    jolt = rng.standard_normal((total, SIZE, SIZE), np.float32) * rough[:, None, None]
    for slot in range(int(counts.max())):
        dx = _X - centre[:, slot, 0, None, None]
        dy = _Y - centre[:, slot, 1, None, None]
        each = [signed_distance(kind, dx, dy, radius[:, slot, None, None]) for kind in range(len(SHAPES))]
        distance = np.choose(shape[:, slot, None, None], each)
        cover = np.clip(0.5 - distance - jolt * (np.abs(distance) < 1.5), 0, 1) * (slot < counts)[:, None, None]
        picture = picture + cover[..., None] * (tint[:, slot, None, None] - picture)
    return picture


def _specks(picture: np.ndarray, poor: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put Poisson(7 * poor) coloured specks of one to four pixels on each picture, in place."""
    numbers = rng.poisson(7 * poor)
    owner = np.repeat(np.arange(len(picture)), numbers)
    y, x = rng.integers(0, SIZE - 1, (2, owner.size))
    wide, tall = rng.integers(0, 2, (2, owner.size))
    colour = rng.uniform(0.1, 0.9, (owner.size, 3)).astype(np.float32)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        picture[owner, y + down * tall, x + right * wide] = colour
    return picture


def draw(rows: np.ndarray, quality: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures, float32 ``(N, 3, 32, 32)`` in [0, 1], of scene rows ``(N, 7)``.

    ``quality`` ``(N,)`` in [0, 1]: 1 is clean and vivid; as it falls colours wash out, the ground becomes noisy,
    coloured specks appear, edges fray, and ever more pictures show something else than was asked.
    """
    poor = 1 - quality.astype(np.float32)
    shown = corrupt(rows, 0.5 * poor, rng)
    picture = _paint(_ground(len(rows), rng), shown, 0.5 * poor, rng)
    fade = (0.42 * poor)[:, None, None, None]
    picture = picture + fade * (picture.mean(-1, keepdims=True) - picture)
    picture += (0.09 * poor)[:, None, None, None] * rng.standard_normal(picture.shape, np.float32)
    picture = _specks(picture, poor, rng)
    return np.ascontiguousarray(np.clip(picture, 0, 1).transpose(0, 3, 1, 2))


def broad_quality(total: int, rng: np.random.Generator) -> np.ndarray:
    """Qualities ``(N,)`` of the broad mixture: mostly either rather good or rather poor, the latter more often."""
    return rng.beta(0.7, 0.9, total)
