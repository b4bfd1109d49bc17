"""Prompts held in memory (memory-mapped, in truth): every position of the endless order is found at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genrl.errors import PromptError
from genrl.prompts.cells import pick_column, prompt_text
from genrl.prompts.reading import reading
from genrl.randomness import Randomness
from genrl.types import Prompt

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class MapPrompts:
    """A finite table, walked through epoch by epoch, each epoch in its own order.

    rows: a `datasets.Dataset`; every column but the prompt's reaches the rewards.
    column: where the prompts are; None takes "prompt", else "text", else "request".
    seed: what the orders of the epochs are derived from.
    shuffle: False keeps the order of the table in every epoch.
    origin: what messages call the table.

    Raises PromptError for an empty table, a missing column and any prompt that is blank or no text.
    """

    rows: Dataset
    column: str | None = None
    seed: int = 0
    shuffle: bool = True
    origin: str = "the prompts"

    def __post_init__(self) -> None:
        if len(self.rows) == 0:
            raise PromptError(f"{self.origin} has no rows; give at least one prompt.")
        object.__setattr__(self, "column", pick_column(self.rows.column_names, self.column, self.origin))
        self.texts()

    def __len__(self) -> int:
        return len(self.rows)

    def texts(self) -> list[str]:
        """The prompt of every row, in the order of the table."""
        cells = self.rows[self.column][:]
        return [prompt_text(cell, self.origin, row) for row, cell in enumerate(cells, start=1)]

    def draw(self, start: int, count: int) -> list[Prompt]:
        """Prompts number `start` .. `start + count - 1` of the endless order; a pure function of its arguments."""
        positions = range(start, start + count)
        chosen = [self._row(position) for position in positions]
        with reading(self.origin):  # pictures are decoded here
            table = self.rows[chosen]
        cells = table.pop(self.column)
        return [
            Prompt(
                text=prompt_text(cells[k], self.origin, chosen[k] + 1),
                columns={name: values[k] for name, values in table.items()},
                index=position,
            )
            for k, position in enumerate(positions)
        ]

    def _row(self, position: int) -> int:
        epoch, offset = divmod(position, len(self.rows))
        return int(_order(self.seed, epoch, len(self.rows))[offset]) if self.shuffle else offset


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> Tensor:
    return torch.randperm(count, generator=Randomness((seed,)).generator("prompts", epoch))
