"""How often and in which order rows are asked about."""

from __future__ import annotations

import asyncio
import random

import pytest

from genrl.errors import RewardError
from genrl.rewards import Failed
from genrl.rewards.transport import Unavailable, Unusable
from genrl.rewards.transport.batches import LONGEST_PAUSE, Effort, ask_in_batches

QUICK = Effort(concurrency=3, deadline=30.0, retries=2, backoff=0.001)


def run(ask, count: int, size: int, effort: Effort = QUICK):
    return asyncio.run(ask_in_batches(ask, count, size, effort))


def test_pauses_double_up_to_a_bound_and_differ() -> None:
    pauses = list(Effort(1, 1.0, 8, 0.5).pauses())
    assert len(pauses) == 8
    for attempt, pause in enumerate(pauses):
        longest = min(LONGEST_PAUSE, 0.5 * 2**attempt)
        assert longest / 2 <= pause <= longest
    assert pauses != list(Effort(1, 1.0, 8, 0.5).pauses())


def test_pauses_leave_the_runs_generator_alone() -> None:
    before = random.getstate()
    list(QUICK.pauses())
    assert random.getstate() == before


def test_no_more_questions_at_once_than_allowed_and_order_is_kept() -> None:
    now, most = 0, 0

    async def ask(rows: range):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001 * (10 - rows.start % 10))
        now -= 1
        return list(rows)

    assert run(ask, 25, 2) == list(range(25))
    assert most == 3
    assert run(ask, 0, 2) == []


def test_a_bad_row_is_found_by_halving_and_only_it_is_asked_about_again() -> None:
    asked = []

    async def ask(rows: range):
        asked.append(rows)
        if 5 in rows:
            raise Unusable("bad")
        return list(rows)

    found = run(ask, 8, 8)
    assert found == [0, 1, 2, 3, 4, Failed("bad (asked 3 times)"), 6, 7]
    assert asked == [range(8), range(4), range(4, 8), range(4, 6), range(4, 5), *[range(5, 6)] * 3, range(6, 8)]


def test_the_cost_of_a_hopeless_server_is_bounded() -> None:
    asked = []

    async def ask(rows: range):
        asked.append(rows)
        raise Unavailable("away") if len(rows) % 3 else Unusable("bad")

    assert len(run(ask, 12, 12)) == 12
    assert len(asked) <= (2 * 12 - 1) * (QUICK.retries + 1)


def test_a_server_that_wants_to_be_left_alone_is() -> None:
    times = []

    async def ask(rows: range):
        times.append(asyncio.get_running_loop().time())
        raise Unavailable("busy", after=0.2)

    run(ask, 1, 1, Effort(1, 30.0, 1, 0.001))
    assert times[1] - times[0] >= 0.2


def test_misuse_and_bugs_stop_everything_as_themselves() -> None:
    stopped = []

    async def ask(rows: range):
        if rows.start == 4:
            raise RewardError("mend it")
        try:
            await asyncio.sleep(30)
        finally:
            stopped.append(rows)

    with pytest.raises(RewardError, match="mend it"):
        run(ask, 6, 2)
    assert sorted(rows.start for rows in stopped) == [0, 2]

    async def broken(rows: range):
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        run(broken, 1, 1)
