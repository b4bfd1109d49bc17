import time

import numpy as np
import pytest
import torch

from genrl.scenes.drawing import corrupt
from genrl.scenes.grammar import COUNT, RELATION, SINGLE, describe
from genrl.scenes.scorer import score


def test_clean_pictures_pass(clean):
    scores = score(clean.prompts, clean.pictures)
    assert scores.strict.mean() >= 0.98
    assert scores.correctness.mean() > 0.93
    assert scores.quality.mean() > 0.93


def test_the_broad_mixture_leaves_room_to_learn(broad):
    scores = score(broad.prompts, broad.pictures)
    assert 0.45 < scores.strict.mean() < 0.6
    assert 0.25 < scores.quality.mean() < 0.4


@pytest.mark.parametrize("kind", [SINGLE, COUNT, RELATION])
def test_wrong_prompts_fail(clean, kind):
    chosen = np.flatnonzero(clean.rows[:, 0] == kind)
    order = np.random.default_rng(0).permutation(chosen)
    different = np.array([clean.prompts[a] != clean.prompts[b] for a, b in zip(chosen, order, strict=True)])
    chosen, order = chosen[different], order[different]
    scores = score([clean.prompts[i] for i in order], clean.pictures[chosen])
    assert scores.strict.mean() < 0.01
    assert scores.correctness.mean() < 0.35


def test_near_misses_fail_strictly_but_keep_partial_credit(clean):
    other = corrupt(clean.rows, np.ones(len(clean.rows)), np.random.default_rng(0))
    same_colours = (other[:, 0] == RELATION) & (other[:, 1] == other[:, 4])
    chosen = np.flatnonzero((other != clean.rows).any(1) & ~same_colours)
    near = score(describe(other[chosen]), clean.pictures[chosen])
    right = score([clean.prompts[i] for i in chosen], clean.pictures[chosen])
    assert near.strict.mean() <= 0.02
    assert 0.3 < near.correctness.mean() < 0.75 < right.correctness.mean()


def test_opposite_relations_fail(clean):
    chosen = np.flatnonzero(clean.rows[:, 0] == RELATION)
    other = clean.rows[chosen].copy()
    other[:, 6] ^= 1
    scores = score(describe(other), clean.pictures[chosen])
    assert scores.strict.max() == 0
    assert scores.correctness.mean() < 0.75


def test_noise_and_blank_pictures_earn_nothing(clean):
    rng = np.random.default_rng(0)
    blanks = [torch.full((100, 3, 32, 32), level) for level in (0.0, 0.5, 0.86, 1.0)]
    noises = [rng.random((100, 3, 32, 32)), rng.normal(0.5, 0.3, (100, 3, 32, 32)), np.full((100, 3, 32, 32), np.nan)]
    for pictures in [*blanks, *map(torch.from_numpy, noises)]:
        scores = score(clean.prompts[:100], pictures)
        assert scores.correctness.mean() < 0.02
        assert scores.quality.mean() < 0.1
        assert scores.strict.max() == 0


def test_partial_credit_is_rarely_the_same_twice(broad):
    correctness = score(broad.prompts, broad.pictures).correctness
    assert len(np.unique(correctness.round(4))) > 0.7 * len(correctness)


def test_a_picture_scores_the_same_in_any_batch(broad):
    whole = score(broad.prompts, broad.pictures)
    order = np.random.default_rng(0).permutation(len(broad.prompts))[:50]
    part = score([broad.prompts[i] for i in order], broad.pictures[order])
    for name in ("correctness", "quality", "strict"):
        np.testing.assert_allclose(getattr(part, name), getattr(whole, name)[order], atol=1e-5)


def test_wrong_sizes_are_refused(clean):
    with pytest.raises(ValueError, match="height=width=32"):
        score(clean.prompts[:2], torch.zeros(2, 3, 64, 64))
    assert len(score([], torch.zeros(0, 3, 32, 32)).strict) == 0


def test_scoring_is_fast(clean):
    score(clean.prompts[:96], clean.pictures[:96])
    best = np.inf
    for _ in range(4):
        start = time.perf_counter()
        score(clean.prompts[:96], clean.pictures[:96])
        best = min(best, time.perf_counter() - start)
    assert best / 96 < 1e-3
