import time

import numpy as np
import pytest

from genrl.scenes.drawing import GROUND, PALETTE, broad_quality, corrupt, draw
from genrl.scenes.grammar import RELATION, all_prompts, rows
from genrl.scenes.placement import GAP, SIZE, object_counts, place
from genrl.scenes.prompts import sample_rows


def _rows(count: int, seed: int = 0) -> np.ndarray:
    return sample_rows(rows(all_prompts()), count, np.random.default_rng(seed))


def test_the_same_generator_draws_the_same_pictures():
    wanted = _rows(20)
    first, again, other = (draw(wanted, np.full(20, 0.4), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (20, 3, SIZE, SIZE)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1
    assert (first == again).all()
    assert (first != other).any()


def test_objects_keep_their_distance_and_their_relation():
    wanted = _rows(400)
    centre, radius = place(wanted, np.random.default_rng(0))
    for row, c, r, count in zip(wanted, centre, radius, object_counts(wanted), strict=True):
        assert ((c[:count] >= r[:count, None]) & (c[:count] <= SIZE - r[:count, None])).all()
        for i in range(count):
            for j in range(i):
                assert np.abs(c[i] - c[j]).max() > r[i] + r[j] + GAP - 1e-3
        if row[0] == RELATION:
            dx, dy = c[1] - c[0]
            assert (dx > 0, dx < 0, dy > 0, dy < 0)[row[6]]


def test_clean_pictures_have_the_palette_colour_and_the_ground_they_should():
    wanted = rows(["a red circle", "a cyan square", "a yellow triangle"])
    pictures = draw(wanted, np.ones(3), np.random.default_rng(0)).transpose(0, 2, 3, 1)
    for picture, row in zip(pictures, wanted, strict=True):
        near = np.abs(picture - PALETTE[row[1]]).max(-1) < 0.04
        assert near.sum() > 40
        corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]].mean(-1)
        assert (corners > GROUND[0] - 0.06).all()
        assert (corners < GROUND[1] + 0.06).all()


def test_corrupt_changes_one_thing_or_nothing():
    wanted, rng = _rows(500), np.random.default_rng(3)
    assert (corrupt(wanted, np.zeros(500), rng) == wanted).all()
    changed = (corrupt(wanted, np.ones(500), rng) != wanted).sum(1)
    assert changed.max() == 1
    assert changed.mean() > 0.8


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_noise_grows_as_quality_falls(level):
    pictures = draw(rows(["a red circle"] * 40), np.full(40, level), np.random.default_rng(0))
    rough = np.median(np.abs(np.diff(pictures, axis=3)))
    assert abs(rough - 0.09 * (1 - level)) < 0.03


def test_drawing_keeps_up_with_training():
    wanted, rng = _rows(64), np.random.default_rng(0)
    best = np.inf
    for _ in range(4):
        start = time.perf_counter()
        draw(wanted, broad_quality(64, rng), rng)
        best = min(best, time.perf_counter() - start)
    assert 64 / best > 1500
