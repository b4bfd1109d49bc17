"""Score one batch while the next is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import TypeVar

import torch

A = TypeVar("A")
B = TypeVar("B")


def overlapped(make: Sequence[Callable[[], A]], use: Callable[[A], B]) -> tuple[list[B], float]:
    """`use` of each product, in order, while the next is made; and the seconds spent waiting after the last was made.

    Products are made one after the other in the calling thread and used one after the other in a second one, so the
    answers are those of a serial run as long as `use` neither reads what `make` writes nor shares a random generator
    with it. A single product is used in the calling thread. The first exception of either ends the work.
    """
    if len(make) == 1:
        product, began = make[0](), perf_counter()
        return [use(product)], perf_counter() - began
    todo: SimpleQueue[tuple[A, Future[B]] | None] = SimpleQueue()
    done: list[Future[B]] = []
    # A daemon: Ctrl-C must not wait for a reward that waits for a server.
    Thread(target=_use_each, args=(todo, use, _cuda_device()), name="genrl-scoring", daemon=True).start()
    try:
        for maker in make:
            _raise_if_failed(done)
            done.append(Future())
            todo.put((maker(), done[-1]))
        began = perf_counter()
        return [future.result() for future in done], perf_counter() - began
    finally:
        for future in done:
            future.cancel()  # does nothing to what is done or under way
        todo.put(None)


def _use_each(todo: SimpleQueue[tuple[A, Future[B]] | None], use: Callable[[A], B], device: int) -> None:
    with torch.cuda.device(device):
        while (job := todo.get()) is not None:
            product, future = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(use(product))
                except BaseException as error:  # whatever it is, it is raised where the result is asked for
                    future.set_exception(error)
            del job, product, future  # pictures need not wait for the next ones


def _raise_if_failed(done: Sequence[Future[B]]) -> None:
    for future in done:
        if future.done():
            future.result()


def _cuda_device() -> int:
    """The calling thread's GPU, which another thread does not inherit; -1, which changes nothing, where none is in use."""
    return torch.cuda.current_device() if torch.cuda.is_initialized() else -1
