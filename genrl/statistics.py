"""Means with confidence intervals, by bootstrap over samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

#: The quantiles of a 95 % interval.
ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(values: np.ndarray, resamples: int = 2000, seed: int = 0) -> Interval:
    """The mean of `values` (S,) with its 95 % interval, see `intervals`.

    NaN, where there is no value, is left out; all three are NaN where nothing is left. A single value, or equal ones, are
    an interval without width.
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(np.nan, np.nan, np.nan)
    ((mean, low, high),) = intervals(values[None], resamples, seed)
    return Interval(float(mean), float(low), float(high))


def intervals(values: np.ndarray, resamples: int = 2000, seed: int = 0) -> np.ndarray:
    """(R, S) values, each row a sample of its own -> (R, 3): mean, low and high.

    The studentised bootstrap (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 12.5): quantiles of
    t* = (mean* - mean) / se*, turned around the mean in units of its own standard error. Of skewed values the quantiles of
    the resampled means alone hold the truth too seldom. No end leaves the range of the values, which only matters where they
    are few.
    """
    size = values.shape[1]
    mean = values.mean(axis=1, keepdims=True)
    centred = values - mean
    error = _standard_error((centred**2).mean(axis=1, keepdims=True), size)
    weights = _resampled(size, resamples, seed)
    shift = centred @ weights
    spread = _standard_error(np.maximum(centred**2 @ weights - shift**2, 0.0), size)
    # A resample of equal values, as of a rare failure, knows no spread; the sample's own stands in for it.
    scale = np.where(spread > 0.0, spread, np.where(error > 0.0, error, 1.0))
    high, low = -np.quantile(shift / scale, ENDS, axis=1)[..., None]
    ends = (mean + low * error, mean + high * error)
    smallest, largest = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    return np.concatenate([mean, *(np.clip(end, smallest, largest) for end in ends)], axis=1)


def share(wins: np.ndarray) -> Interval:
    """The mean of values (S,) in [0, 1] that are 0 or 1, or ties between, with its 95 % Wilson interval (Wilson 1927).

    Resampling would give a share of 0 or 1 no width. Ties vary less than wins and losses, so with them it is a little wide.
    """
    wins = wins[~np.isnan(wins)]
    size = len(wins)
    if not size:
        return Interval(np.nan, np.nan, np.nan)
    mean, z2 = float(wins.mean()), float(ndtri(ENDS[1]) ** 2)
    centre = (mean + z2 / (2 * size)) / (1 + z2 / size)
    half = math.sqrt(z2 * (mean * (1 - mean) + z2 / (4 * size)) / size) / (1 + z2 / size)
    return Interval(mean, max(0.0, centre - half), min(1.0, centre + half))


def _standard_error(variance: np.ndarray, size: int) -> np.ndarray:
    return np.sqrt(variance / max(1, size - 1))


@lru_cache(maxsize=8)
def _resampled(size: int, resamples: int, seed: int) -> np.ndarray:
    """(S, resamples): the share that each value has in each resample."""
    counts = np.random.default_rng(seed).multinomial(size, [1 / size] * size, size=resamples)
    return counts.T / size
