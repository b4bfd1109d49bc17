"""Rows that have to be asked apart, and their answers in order again."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor


class Batches:
    """Which rows of x (B, *L) go through the network together: rows with equal keys, at most `limit` at a time."""

    def __init__(self, keys: Sequence[Hashable], limit: int | None, device: torch.device) -> None:
        alike: dict[Hashable, list[int]] = {}
        for row, key in enumerate(keys):
            alike.setdefault(key, []).append(row)
        size = limit or len(keys)
        self.rows = [rows[k : k + size] for rows in alike.values() for k in range(0, len(rows), size)]
        self._index = [_index(rows, device) for rows in self.rows]
        order = [row for rows in self.rows for row in rows]
        self._order = None if order == sorted(order) else torch.tensor(order).argsort().to(device)

    def split(self, x: Tensor) -> list[Tensor]:
        return [x[index] for index in self._index]

    def join(self, answers: Sequence[Tensor]) -> Tensor:
        """The answers of all batches, each row where it was."""
        joined = answers[0] if len(answers) == 1 else torch.cat(list(answers))
        return joined if self._order is None else joined[self._order]


def _index(rows: list[int], device: torch.device) -> slice | Tensor:
    """Ascending rows as a slice, which copies nothing, where they have no gap."""
    start, stop = rows[0], rows[-1] + 1
    return slice(start, stop) if len(rows) == stop - start else torch.tensor(rows, device=device)
