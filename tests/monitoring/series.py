"""Evaluations and iterations of runs that never were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genrl.monitoring import Alarm, Watch
from genrl.settings import AlarmSettings

SAMPLES = 96
SPREAD = np.random.default_rng(0).normal(0.0, 1.0, SAMPLES)


def evaluations(
    seed: int = 0, every: int = 5, noise: float = 0.3, **means: Sequence[float]
) -> dict[int, dict[str, np.ndarray]]:
    """Each number, named by its key with `__` for a slash, has these means; samples keep their place but for `noise`."""
    rng = np.random.default_rng(seed)
    count = len(next(iter(means.values())))
    return {
        every * k: {
            name.replace("__", "/"): values[k] + SPREAD + rng.normal(0.0, noise, SAMPLES) for name, values in means.items()
        }
        for k in range(count)
    }


def rows(reward: Sequence[float] = (), **others: Sequence[float]) -> list[dict[str, float]]:
    """Iterations from 1 on; `reward` is 0 where it is not given."""
    count = max(len(series) for series in (reward, *others.values()))
    given = {name.replace("__", "/"): series for name, series in others.items()} | {"reward": reward or [0.0] * count}
    return [{"step": k + 1.0} | {name: float(series[k]) for name, series in given.items()} for k in range(count)]


def alarms(
    past: Mapping[int, Mapping[str, np.ndarray]],
    iterations: Sequence[Mapping[str, float]] = (),
    settings: AlarmSettings | None = None,
    trained: frozenset[str] = frozenset({"ocr"}),
) -> list[Alarm]:
    return Watch(settings or AlarmSettings(), trained).replay(iterations, past)


def told(found: list[Alarm]) -> list[tuple[int, str]]:
    return [(alarm.step, alarm.name) for alarm in found]
