"""Ask every reward: the async ones all at once, while the sync ones run one after the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from functools import cache
from time import perf_counter
from typing import Any

import torch

from genrl.errors import RewardError
from genrl.rewards.term import RewardTerm

#: A reward and the keywords to call it with.
Call = tuple[RewardTerm, dict[str, Any]]


def ask_all(calls: Sequence[Call]) -> list[tuple[Any, float]]:
    """(answer, seconds) of each call, in order; RewardError for the first that raises.

    Works where an event loop runs already, as in a notebook: the async calls have a loop and a thread of their own.
    """
    waiting = _start([_ask_later(*call) for call in calls if call[0].is_async])
    try:
        now = iter([_ask(*call) for call in calls if not call[0].is_async])
        later = iter(waiting.result())
    finally:
        waiting.cancel()  # does nothing to what is done; stops the rest after an error or Ctrl-C
    return [next(later if term.is_async else now) for term, _ in calls]


def broken(error: Exception, name: str) -> RewardError:
    """The RewardError for an exception inside a reward; what it says itself in a RewardError stands."""
    if isinstance(error, RewardError):
        return RewardError(f"Reward {name!r}: {error}")
    return RewardError(
        f"Reward {name!r} failed ({type(error).__name__}: {error}); mend it, or leave it out of the run. "
        "For a picture that it cannot score it may return Failed(reason), for one to which it does not apply None."
    )


def _ask(term: RewardTerm, keywords: dict[str, Any]) -> tuple[Any, float]:
    began = perf_counter()
    try:
        answer = term.function(**keywords)
    except Exception as error:
        raise broken(error, term.name) from error
    return answer, perf_counter() - began


async def _ask_later(term: RewardTerm, keywords: dict[str, Any]) -> tuple[Any, float]:
    began = perf_counter()
    try:
        answer = await term.function(**keywords)
    except Exception as error:
        raise broken(error, term.name) from error
    return answer, perf_counter() - began


def _start(coroutines: list[Coroutine[Any, Any, Any]]) -> Future[list[Any]]:
    if coroutines:
        return asyncio.run_coroutine_threadsafe(_together(coroutines), _background_loop())
    nothing: Future[list[Any]] = Future()
    nothing.set_result([])
    return nothing


async def _together(coroutines: list[Coroutine[Any, Any, Any]]) -> list[Any]:
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        # `gather` lets the others run on when one fails, though nobody waits for them.
        for task in tasks:
            task.cancel()


@cache
def _background_loop() -> asyncio.AbstractEventLoop:
    """One loop for the whole process: an HTTP client that a reward keeps open belongs to the loop that opened it."""
    loop = asyncio.new_event_loop()

    def run() -> None:
        torch.set_grad_enabled(False)  # gradient mode belongs to the thread
        loop.run_forever()

    threading.Thread(target=run, name="genrl-rewards", daemon=True).start()
    return loop
