"""Asking about many rows: side by side, again after a failure, in halves where a row may be at fault, and not forever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from genrl.rewards.failed import Failed
from genrl.rewards.transport.faults import NoAnswer, Unusable

#: Asks about these rows; answers one value a row, or raises NoAnswer or RewardError.
Ask = Callable[[range], Awaitable[Sequence[Any]]]
#: No pause is longer than this many seconds.
LONGEST_PAUSE = 30.0
#: Of its own, so that the waiting never moves the seeded generators of a run.
_jitter = random.Random()


@dataclass(frozen=True)
class Effort:
    """How hard a server is asked: `concurrency` questions at once, `retries` after the first attempt, all in `deadline` s.

    backoff: seconds of the first pause; each further one is twice as long.
    """

    concurrency: int
    deadline: float
    retries: int
    backoff: float

    def pauses(self) -> Iterator[float]:
        """Seconds before each retry: doubled each time, and shortened by up to a half at random (so that clients that
        failed together do not come back together)."""
        for attempt in range(self.retries):
            yield min(LONGEST_PAUSE, self.backoff * 2**attempt) * _jitter.uniform(0.5, 1.0)


async def ask_in_batches(ask: Ask, count: int, size: int, effort: Effort) -> list[Any]:
    """One answer for each of `count` rows, in their order; `Failed` where there is none after all retries.

    A server that is away or busy is asked again with the same rows. Any other failure may be the fault of one row, or of
    too many, so the batch is halved at once; a batch of one row is asked again. So a batch of n rows costs at most
    (2n - 1) (retries + 1) questions, and a bad row takes no other with it. RewardError stops everything.
    """
    answers: list[Any] = [Failed(f"no answer within the deadline of {effort.deadline:g} s")] * count
    gate = asyncio.Semaphore(effort.concurrency)

    async def settle(rows: range) -> None:
        pauses = effort.pauses()
        while True:
            try:
                async with gate:
                    answers[rows.start : rows.stop] = await ask(rows)
                return
            except NoAnswer as error:
                if isinstance(error, Unusable) and len(rows) > 1:
                    middle = len(rows) // 2
                    await settle(rows[:middle])
                    return await settle(rows[middle:])
                reason, least = str(error), error.after
            pause = next(pauses, None)
            if pause is None:
                answers[rows.start : rows.stop] = [Failed(f"{reason} (asked {effort.retries + 1} times)")] * len(rows)
                return
            await asyncio.sleep(max(pause, min(least, LONGEST_PAUSE)))

    try:
        async with asyncio.timeout(effort.deadline), asyncio.TaskGroup() as group:
            for start in range(0, count, size):
                group.create_task(settle(range(start, min(start + size, count))))
    except TimeoutError:
        pass  # the rows that have no answer say so
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return answers
