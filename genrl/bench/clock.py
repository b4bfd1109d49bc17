"""What time is taken by, and which part of an iteration it goes into."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from genrl.doctor.timing import wait
from genrl.trainer import Trainer


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    """CPU time of the process where the CPU does the work, which other programs disturb little; else the device's time."""
    if device.type == "cpu":
        began = time.process_time()
        work()
        return time.process_time() - began
    wait(device)
    began = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - began


@contextmanager
def parts(trainer: Trainer) -> Iterator[Counter[str]]:
    """Inside, the CPU seconds that go into "rollout", "decode", "reward" and "learn" are added up."""
    spent: Counter[str] = Counter()
    watched = {
        "rollout": (trainer.algorithm, "rollout"),
        "decode": (trainer.policy, "decode"),
        "reward": (trainer.rewards, "score"),
        "learn": (trainer, "update"),
    }
    for part, (owner, method) in watched.items():
        # Into the instance's dictionary, because components are frozen.
        vars(owner)[method] = _timed(getattr(owner, method), part, spent)
    try:
        yield spent
    finally:
        for owner, method in watched.values():
            del vars(owner)[method]


def _timed(work: Callable[..., Any], part: str, spent: Counter[str]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.process_time()
        try:
            return work(*args, **kwargs)
        finally:
            spent[part] += time.process_time() - began  # type: ignore[assignment]

    return timed
