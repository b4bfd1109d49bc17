"""A number that was measured several times."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Quartiles:
    """The median and the quartiles beside it."""

    low: float
    median: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Quartiles:
        """Of at least two values; they are taken as the whole population."""
        return Quartiles(*statistics.quantiles(values, n=4, method="inclusive"))

    @property
    def range(self) -> float:
        """The quartile range as a share of the median."""
        return (self.high - self.low) / self.median
