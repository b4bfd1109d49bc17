"""What rewards report besides their answer, through TRL's `log_metric` and `log_extra`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from genrl.errors import RewardError


class Notes:
    """The notes of one call of a panel, by all of its rewards."""

    def __init__(self) -> None:
        self._metrics: dict[str, list[float]] = defaultdict(list)
        self._extras: dict[str, list[Any]] = defaultdict(list)

    def log_metric(self, name: str, value: float) -> None:
        """Report a number for the batch; values under one name are averaged."""
        self._metrics[name].append(float(value))

    def log_extra(self, column: str, values: Iterable[Any]) -> None:
        """Report one value a picture; calls under one name are joined."""
        self._extras[column].extend(values)

    def metrics(self) -> dict[str, float]:
        return {name: sum(values) / len(values) for name, values in self._metrics.items()}

    def extras(self, count: int) -> dict[str, list[Any]]:
        for column, values in self._extras.items():
            if len(values) != count:
                raise RewardError(
                    f"The rewards logged {len(values)} values in the extra column {column!r} for {count} pictures; "
                    "log one a picture, and give each reward its own column."
                )
        return dict(self._extras)
