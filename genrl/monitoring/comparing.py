"""Two evaluations of one run, sample by sample: the same prompts and the same noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from genrl.statistics import Interval, bootstrap

#: Per-sample values (S,) of one evaluation by name, NaN where there is none.
Values = Mapping[str, np.ndarray]
#: Evaluations by step, in order.
Evaluations = Mapping[int, Values]
#: Fewer pairs than this say nothing.
LEAST_PAIRS = 16


@dataclass(frozen=True)
class Finding:
    """One reason for an alarm: its name, what was measured, and the step it is compared with.

    lead, detail: together a sentence without its full stop; details under one lead are joined.
    """

    name: str
    measure: str
    since: int
    lead: str
    detail: str


@dataclass(frozen=True)
class Change:
    """A number before and after, over the samples that have both, and the paired difference with its 95 % interval.

    With a factor the difference is after - factor * before. spread: standard deviation of the samples before.
    """

    before: float
    after: float
    difference: Interval
    spread: float

    @staticmethod
    def of(name: str, before: Values, after: Values, factor: float = 1.0) -> Change | None:
        """None where fewer than `LEAST_PAIRS` samples have both."""
        if name not in before or name not in after:
            return None
        both = np.isfinite(before[name]) & np.isfinite(after[name])
        if both.sum() < LEAST_PAIRS:
            return None
        first, second = before[name][both], after[name][both]
        return Change(first.mean(), second.mean(), bootstrap(second - factor * first), first.std())

    def __str__(self) -> str:
        return f"from {self.before:.3f} to {self.after:.3f}"


def references(evaluations: Evaluations, name: str) -> Iterator[int]:
    """The first evaluation, and the earlier one in which `name` was highest on average."""
    earlier = [step for step in list(evaluations)[:-1] if np.isfinite(evaluations[step].get(name, np.nan)).any()]
    if earlier:
        yield from dict.fromkeys((earlier[0], max(earlier, key=lambda step: np.nanmean(evaluations[step][name]))))
