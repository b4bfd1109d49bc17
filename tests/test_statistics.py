"""Intervals hold the truth as often as they say, and pairing finds what two separate intervals miss."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from genrl.statistics import bootstrap, intervals, share

SIZE, REPETITIONS = 200, 1000
#: 1,000 repetitions measure a coverage to a standard error of 0.007, so this is about three of them to either side.
LOWEST, HIGHEST = 0.93, 0.97
RNG = np.random.default_rng(7)
#: Samples (REPETITIONS, SIZE) with their true mean: even, skewed, heavily skewed, and pass or fail.
WORLDS = {
    "normal": (RNG.normal(size=(REPETITIONS, SIZE)), 0.0),
    "exponential": (RNG.exponential(size=(REPETITIONS, SIZE)), 1.0),
    "lognormal": (RNG.lognormal(size=(REPETITIONS, SIZE)), np.exp(0.5)),
    "one in ten passes": ((RNG.random((REPETITIONS, SIZE)) < 0.1).astype(float), 0.1),
}


@pytest.mark.parametrize("world", WORLDS)
def test_coverage_is_nominal(world: str) -> None:
    values, truth = WORLDS[world]
    _, low, high = intervals(values, resamples=1000).T
    assert LOWEST <= np.mean((low <= truth) & (truth <= high)) <= HIGHEST


def test_one_row_is_what_bootstrap_says() -> None:
    values = WORLDS["exponential"][0][:3]
    for row, (mean, low, high) in zip(values, intervals(values), strict=True):
        found = bootstrap(row)
        np.testing.assert_allclose((found.mean, found.low, found.high), (mean, low, high), rtol=1e-12)


def test_pairing_finds_a_difference_that_separate_intervals_miss() -> None:
    """Pictures differ by 1, the second method adds 0.1 to each, give or take 0.1."""
    before = RNG.normal(size=(REPETITIONS, SIZE))
    after = before + 0.1 + 0.1 * RNG.normal(size=before.shape)
    paired = intervals(after - before, resamples=1000)
    apart, earlier = intervals(after, resamples=1000), intervals(before, resamples=1000)
    assert np.mean(paired[:, 1] > 0) == 1.0
    assert np.mean(apart[:, 1] > earlier[:, 2]) < 0.05


def test_no_difference_is_found_as_seldom_as_promised() -> None:
    before = RNG.normal(size=(REPETITIONS, SIZE))
    _, low, high = intervals(before + 0.1 * RNG.normal(size=before.shape) - before, resamples=1000).T
    assert LOWEST <= np.mean((low <= 0) & (high >= 0)) <= HIGHEST


def test_what_is_missing_is_left_out_and_equal_values_have_no_width() -> None:
    assert bootstrap(np.array([1.0, np.nan, 3.0, 2.0])) == bootstrap(np.array([1.0, 3.0, 2.0]))
    for values in ([0.5], [0.5] * 7):
        found = bootstrap(np.array(values))
        assert (found.mean, found.low, found.high) == (0.5, 0.5, 0.5)
    assert np.isnan(bootstrap(np.array([np.nan])).mean)
    few = bootstrap(np.array([0.0, 0.0, 0.0, 1.0]))
    assert 0.0 <= few.low <= few.mean <= few.high <= 1.0


def test_a_rare_failure_does_not_widen_the_interval_to_everything() -> None:
    rare = bootstrap(np.array([1.0] * 261 + [0.0] * 3))
    assert 0.96 < rare.low < rare.mean < rare.high <= 1.0


@pytest.mark.parametrize("wins", [0, 3, 130, 264])
def test_share_is_the_wilson_interval(wins: int) -> None:
    expected = binomtest(wins, 264).proportion_ci(method="wilson")
    found = share(np.array([1.0] * wins + [0.0] * (264 - wins) + [np.nan]))
    assert (found.low, found.mean, found.high) == pytest.approx((expected.low, wins / 264, expected.high), abs=1e-12)
    assert np.isnan(share(np.array([np.nan])).mean)
    tied = share(np.array([0.5] * 264))
    assert (tied.low + tied.high) / 2 == pytest.approx(0.5)
