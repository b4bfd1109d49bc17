"""The processes of a run: who has which share of an iteration, and what they tell each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import gather, pad_across_processes, reduce
from torch import Tensor

from genrl import errors
from genrl.types import Unit

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """Every method but `share` is called by all processes in the same order; without a state there is one process.

    state: accelerate's, once the processes have found each other.
    """

    state: PartialState | None = None

    @property
    def count(self) -> int:
        return self.state.num_processes if self.state else 1

    @property
    def index(self) -> int:
        return self.state.process_index if self.state else 0

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
        if self.state is None or self.count == 1:
            return [message]
        text = torch.frombuffer(bytearray(json.dumps(message, default=str).encode()), dtype=torch.uint8)
        padded = pad_across_processes(text.to(self.state.device), pad_index=ord(" "))
        return [json.loads(row.tobytes()) for row in gather(padded).view(self.count, -1).cpu().numpy()]

    def gather(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """The rows (n, *shape) of all processes, one process after the other, on the CPU; counts: the n of each."""
        if self.state is None or self.count == 1:
            return rows.cpu()
        padded = pad_across_processes(rows.to(self.state.device))
        parts = gather(padded).cpu().split(max(counts)) if any(counts) else [rows.cpu()]
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=False)])

    def anywhere(self, flags: Sequence[bool]) -> list[bool]:
        """Which of the flags are set on any process."""
        if self.state is None or self.count == 1:
            return list(flags)
        return reduce(torch.tensor(flags, device=self.state.device).int(), "sum").bool().tolist()

    def mean(self, values: Tensor) -> Tensor:
        """The mean over processes, the same bits on each."""
        return reduce(values, "mean") if self.count > 1 else values

    def together(self, work: Callable[[], T]) -> T:
        """`work()`, or on every process the error that it raises on one of them, so that none waits for one that is gone."""
        failure, answer = None, None
        try:
            answer = work()
        except errors.GenrlError as error:
            failure = error
        for kind, text in filter(None, self.tell(failure and [type(failure).__name__, str(failure)])):
            raise _shared(failure or getattr(errors, kind)(text))
        return answer  # type: ignore[return-value]

    def agree(self, value: Any, what: str) -> None:
        """TrainingError if the processes do not have the same; what: what it is, for the message."""
        if len({json.dumps(told) for told in self.tell(value)}) > 1:
            sentence = f"The processes of this run differ in {what}; resume it from an earlier checkpoint."
            raise _shared(errors.TrainingError(sentence))

    def level(self, updates: list[list[Unit]]) -> Iterator[tuple[list[Unit], int]]:
        """The units to ask for each optimizer step on this process, and the rows of all units over all processes.

        A unit of idle groups alone is not asked, unless no process has any other: a gradient of 0 is not the same to the
        optimizer as none. A process that has lost all its groups to failed rewards has no updates, and takes part in those
        of the others.
        """
        counted = [(sum(unit.weight for unit in units), sum(unit.live for unit in units)) for units in updates]
        told = [part for part in self.tell(counted) if part]
        if len({len(part) for part in told}) > 1:
            sentence = (
                "The processes disagree on how often the optimizer steps: the algorithm's `updates` depends on the number"
            )
            raise _shared(errors.TrainingError(f"{sentence} or the contents of groups, so it needs a single process."))
        for n, parts in enumerate(zip(*told, strict=True)):
            units = updates[n] if updates else []
            rows, live = map(sum, zip(*parts, strict=True))
            yield [unit for unit in units if unit.live] if live else units[:1], rows


def _shared(error: errors.GenrlError) -> errors.GenrlError:
    error.shared = True
    return error


#: One process, of a program that trains nothing.
ALONE = Processes()
