"""Prompts that are read as they are needed, for sets too large to download or to hold."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from genrl.errors import PromptError
from genrl.prompts.cells import pick_column, prompt_text
from genrl.prompts.reading import reading
from genrl.randomness import Randomness
from genrl.types import Prompt

if TYPE_CHECKING:
    from datasets import IterableDataset


class StreamingPrompts:
    """An endless stream: each epoch is shuffled within a buffer, by an order of its own.

    What `draw` returns depends on its arguments alone; the reading position that is kept between calls only saves time.
    Going on where the last draw ended is free, going forward skips rows, going back (or resuming) reads the epoch again
    from its start. Prompts are checked as they are drawn, so a bad row is found only when its turn comes.

    rows: a `datasets.IterableDataset`.
    column: where the prompts are; None takes "prompt", else "text", else "request".
    seed: what the orders of the epochs are derived from.
    shuffle: False keeps the order of the stream.
    buffer: rows among which the shuffle chooses; larger mixes better, costs memory and delays the first prompt.
    origin: what messages call the stream.
    """

    def __init__(
        self,
        rows: IterableDataset,
        column: str | None = None,
        *,
        seed: int = 0,
        shuffle: bool = True,
        buffer: int = 1000,
        origin: str = "the prompts",
    ) -> None:
        self.rows, self.seed, self.shuffle, self.buffer, self.origin = rows, seed, shuffle, buffer, origin
        with reading(origin):
            # The columns of a generator's stream are known only from its rows.
            first = next(iter(rows.take(1)), None)
        if first is None:
            raise PromptError(f"{origin} has no rows; give at least one prompt.")
        self.column = pick_column(rows.column_names or first, column, origin)
        self._length: int | None = None
        self._walk: Iterator[dict[str, Any]] = iter(())
        self._next: int | None = None

    def draw(self, start: int, count: int) -> list[Prompt]:
        """Prompts number `start` .. `start + count - 1` of the endless order; a pure function of its arguments."""
        position, self._next = self._next, None  # an error below leaves no half-advanced position behind
        if position is None or start < position:
            self._walk, position = self._endless(start), start
        with reading(self.origin):
            drawn = list(islice(self._walk, start - position, start - position + count))
        self._next = start + count
        return [self._prompt(row, start + k) for k, row in enumerate(drawn)]

    def _prompt(self, row: dict[str, Any], position: int) -> Prompt:
        columns = {name: value for name, value in row.items() if name != self.column}
        text = prompt_text(row.get(self.column), f"the shuffled stream {self.origin}", position + 1)
        return Prompt(text=text, columns=columns, index=position)

    def _endless(self, start: int) -> Iterator[dict[str, Any]]:
        epoch, offset = divmod(start, self._length) if self._length else (0, start)
        while True:
            seen = offset
            for row in self._epoch(epoch).skip(offset):
                seen += 1
                yield row
            if seen > offset:
                self._length = seen
                epoch, offset = epoch + 1, 0
            else:  # `start` lies beyond an epoch whose length is not known yet
                self._length = sum(1 for _ in self.rows)
                epoch, offset = divmod(start, self._length)

    def _epoch(self, epoch: int) -> IterableDataset:
        if not self.shuffle:
            return self.rows
        # Not `set_epoch`: `skip` of a shuffled stream starts again at epoch 0.
        seed = Randomness((self.seed,)).generator("prompts", epoch).initial_seed()
        return self.rows.shuffle(seed=seed, buffer_size=self.buffer)
