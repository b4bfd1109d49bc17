"""The processes of a run: who has which share of an iteration, and what they tell each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from torch import Tensor

from genrl import errors
from genrl.types import Unit

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """Every method but `share` is called by all processes in the same order; without an accelerator there is one process."""

    accelerator: Accelerator | None = None

    @property
    def count(self) -> int:
        return self.accelerator.num_processes if self.accelerator else 1

    @property
    def index(self) -> int:
        return self.accelerator.process_index if self.accelerator else 0

    @property
    def main(self) -> bool:
        """Whether this process writes the files and talks to the user."""
        return self.index == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of items that the count divides: neighbours, in the order of the processes."""
        size = len(items) // self.count
        return items[self.index * size : (self.index + 1) * size]

    def tell(self, message: Any) -> list[Any]:
        """What each process says, in their order. It travels as JSON: nothing that comes over a network is unpickled."""
        if self.accelerator is None or self.count == 1:
            return [message]
        text = torch.frombuffer(bytearray(json.dumps(message, default=str).encode()), dtype=torch.uint8)
        padded = self.accelerator.pad_across_processes(text.to(self.accelerator.device), pad_index=ord(" "))
        return [json.loads(row.tobytes()) for row in self.accelerator.gather(padded).view(self.count, -1).cpu().numpy()]

    def gather(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """The rows (n, *shape) of all processes, one process after the other, on the CPU; counts: the n of each."""
        if self.accelerator is None or self.count == 1:
            return rows.cpu()
        padded = self.accelerator.pad_across_processes(rows.to(self.accelerator.device))
        parts = self.accelerator.gather(padded).cpu().split(max(counts)) if any(counts) else [rows.cpu()]
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=False)])

    def anywhere(self, flags: Sequence[bool]) -> list[bool]:
        """Which of the flags are set on any process."""
        if self.accelerator is None or self.count == 1:
            return list(flags)
        return self.accelerator.reduce(torch.tensor(flags, device=self.accelerator.device).int(), "sum").bool().tolist()

    def together(self, work: Callable[[], T]) -> T:
        """`work()`, or on every process the error that it raises on one of them, so that none waits for one that is gone."""
        failure, answer = None, None
        try:
            answer = work()
        except errors.GenrlError as error:
            failure = error
        for kind, text in filter(None, self.tell(failure and [type(failure).__name__, str(failure)])):
            raise failure or getattr(errors, kind)(text)
        return answer  # type: ignore[return-value]

    def level(self, updates: list[list[Unit]]) -> Iterator[tuple[list[Unit], int]]:
        """The units of each optimizer step on this process, and their rows over all processes.

        A process that has lost all its groups to failed rewards has no updates, and takes part in those of the others.
        """
        told = [rows for rows in self.tell([sum(unit.weight for unit in units) for units in updates]) if rows]
        if len({len(rows) for rows in told}) > 1:
            raise errors.TrainingError(
                "The processes disagree on how often the optimizer steps: the algorithm's `updates` depends on the number or "
                "the contents of groups, so it can only be trained with one process."
            )
        return zip(updates or [[] for _ in range(len(told[0]) if told else 0)], map(sum, zip(*told, strict=True)), strict=True)


#: One process, of a program that trains nothing.
ALONE = Processes()
