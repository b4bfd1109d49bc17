"""Means with confidence intervals, by bootstrap over samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(values: np.ndarray, resamples: int = 2000, seed: int = 0) -> Interval:
    """The mean of `values` (S,) with the 2.5 % and 97.5 % quantiles of the resampled means.

    NaN, where there is no value, is left out; all three are NaN where nothing is left.
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(np.nan, np.nan, np.nan)
    rows = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    low, high = np.quantile(values[rows].mean(axis=1), [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))
