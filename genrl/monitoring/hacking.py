"""The reward rises and what it stands for falls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from genrl.monitoring.comparing import Change, Evaluations, Finding, Values, references
from genrl.monitoring.faithfulness import FAITHFULNESS
from genrl.monitoring.pictures import PREFIX as PICTURES
from genrl.settings import AlarmSettings

HACKING, OVERFITTING = "reward hacking suspected", "overfitting suspected"
#: What is trained on as a whole, and how an evaluation calls its parts.
TOTAL, REWARDS = "reward", "rewards/"


def watched(values: Values, trained: frozenset[str], only: Sequence[str] = ()) -> list[str]:
    """The numbers of an evaluation that no update has seen: rewards of weight 0, and what rewards measure beside."""
    # Faithfulness has an alarm of its own, which does not wait for the reward to rise.
    seen = {TOTAL, FAITHFULNESS, *(REWARDS + name for name in trained)}
    return [name for name in values if name not in seen and not name.startswith(PICTURES) and (not only or name in only)]


def hacking(evaluations: Evaluations, trained: frozenset[str], settings: AlarmSettings) -> Iterator[Finding]:
    """Watched numbers that have fallen in the last evaluation, against the first or their best, while the reward rose.

    Both are paired differences whose interval leaves out 0; that of the fall also leaves out `settings.fall` standard
    deviations.
    """
    now = list(evaluations)[-1]
    for name in watched(evaluations[now], trained, settings.watch):
        for since in references(evaluations, name):
            own, total = (Change.of(n, evaluations[since], evaluations[now]) for n in (name, TOTAL))
            if own and total and total.difference.low > 0 and own.difference.high < -settings.fall * own.spread:
                yield Finding(
                    HACKING,
                    name,
                    since,
                    f"Since step {since} the held-out reward rose {total}, while what is not trained on fell: ",
                    f"{name} {own} (paired difference {own.difference})",
                )
                break


def overfitting(evaluations: Evaluations, rewards: Mapping[int, float], settings: AlarmSettings) -> Iterator[Finding]:
    """The held-out reward has fallen from its best while the training reward rose by more than two standard errors.

    rewards: the mean training reward of each iteration; those before an evaluation are compared with those before another.
    """
    steps = list(evaluations)
    for since in references(evaluations, TOTAL):
        own = Change.of(TOTAL, evaluations[since], evaluations[steps[-1]])
        before, after = (_leading_to(steps, step, rewards) for step in (since, steps[-1]))
        if own and own.difference.high < -settings.fall * own.spread and _risen(before, after):
            yield Finding(
                OVERFITTING,
                TOTAL,
                since,
                f"Since step {since} the training reward rose from {np.mean(before):.3f} to {np.mean(after):.3f}, while ",
                f"the held-out reward fell {own} (paired difference {own.difference})",
            )
            break


def _leading_to(steps: Sequence[int], step: int, rewards: Mapping[int, float]) -> list[float]:
    """Training rewards between the evaluation at `step` and the one before; the first has those that follow it."""
    place = max(1, steps.index(step))
    return [value for k, value in rewards.items() if steps[place - 1] < k <= steps[place] and np.isfinite(value)]


def _risen(before: Sequence[float], after: Sequence[float]) -> bool:
    if min(len(before), len(after)) < 2:
        return False
    error = np.sqrt(np.var(before, ddof=1) / len(before) + np.var(after, ddof=1) / len(after))
    return bool(np.mean(after) - np.mean(before) > 2 * error)
