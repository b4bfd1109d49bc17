"""Rewards that tell no pictures apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

#: Iterations in a row without spread after which a reward is reported.
PATIENCE = 10
#: A standard deviation below this is none.
NONE = 1e-8


class FlatRewards:
    """Counts for each reward the iterations in a row in which its `rewards/<name>/std` is 0."""

    def __init__(self, patience: int = PATIENCE) -> None:
        self.patience = patience
        self._streaks: Counter[str] = Counter()
        self._reported: set[str] = set()

    def update(self, row: Mapping[str, float]) -> list[str]:
        """The rewards that have just been flat for `patience` iterations; each is named once in a run."""
        for key, value in row.items():
            if key.startswith("rewards/") and key.endswith("/std"):
                name = key.removeprefix("rewards/").removesuffix("/std")
                self._streaks[name] = self._streaks[name] + 1 if value < NONE else 0
        found = [name for name, streak in self._streaks.items() if streak >= self.patience and name not in self._reported]
        self._reported.update(found)
        return found
