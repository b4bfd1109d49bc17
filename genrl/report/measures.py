"""The held-out numbers of a run: what is trained on and what is watched beside it, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from genrl.report.axis import decimals
from genrl.report.folder import RunFolder
from genrl.statistics import Interval, bootstrap

#: The reward that training maximises, as a whole.
TOTAL = "reward"
#: How the evaluations call a single reward, `rewards/<name>`, and what `genrl.monitoring` measures, which needs torch.
PREFIX, PICTURES = "rewards/", "pictures/"
#: What a held-out number is to a run.
Role = Literal["total", "watched", "reward", "picture"]
#: The last part of the name of a pass-or-fail verdict, which tells more than any part of a reward.
VERDICT = "strict"


@dataclass(frozen=True)
class Measure:
    """One held-out number over a run.

    role: "total" is the weighted sum of the rewards, "reward" one of them; "watched" is measured beside them: rewards of
        weight 0, and what rewards measure without summing it (which may still be a part of one); "picture" is measured on
        the pictures of every run, and neither high nor low is good.
    curve: step -> its mean over the samples, with the interval.
    difference: the paired difference between the last and the first evaluation; None if there is only one.
    samples: pairs behind the difference.
    """

    name: str
    role: Role
    curve: dict[int, Interval]
    difference: Interval | None
    samples: int

    @property
    def label(self) -> str:
        return self.name.removeprefix(PREFIX)

    @property
    def origin(self) -> str:
        if self.role == "picture":
            return "measured on the pictures"
        if self.role == "watched":
            return "watched, weight 0" if self.name.startswith(PREFIX) else f"measured by {self.name.partition('/')[0]}"
        return "one of the rewards" if self.role == "reward" else "the sum of the rewards"

    @property
    def before(self) -> Interval:
        return next(iter(self.curve.values()))

    @property
    def after(self) -> Interval:
        return list(self.curve.values())[-1]

    @property
    def places(self) -> int:
        """Places behind the point that its numbers need."""
        return decimals(self.before.mean, self.after.mean)

    @property
    def verdict(self) -> Literal["higher", "lower", "no clear change", "one evaluation"]:
        """Whether the interval of the difference leaves out 0."""
        if self.difference is None:
            return "one evaluation"
        if self.difference.low > 0:
            return "higher"
        return "lower" if self.difference.high < 0 else "no clear change"


def measures(run: RunFolder) -> list[Measure]:
    """Every number that the run's evaluations have: the total, what was watched, single rewards, and the pictures' own."""
    order = get_args(Role)
    return [measure(run, name, role) for name, role in sorted(_roles(run), key=lambda found: order.index(found[1]))]


def measure(run: RunFolder, name: str, role: Role, every: bool = True) -> Measure:
    """One number of a run; `every` bootstraps all evaluations, else the first and the last alone."""
    values = {step: found[name] for step, found in run.evaluations.items() if np.isfinite(found.get(name, np.nan)).any()}
    steps = list(values) if every else sorted({*list(values)[:1], *list(values)[-1:]})
    curve = {step: bootstrap(values[step]) for step in steps}
    if len(values) < 2:
        return Measure(name, role, curve, None, 0)
    change = values[steps[-1]] - values[steps[0]]
    pairs = int(np.isfinite(change).sum())
    return Measure(name, role, curve, bootstrap(change) if pairs else None, pairs)


def headline(run: RunFolder) -> tuple[Measure | None, Measure | None]:
    """The total, and of the watched numbers a verdict if there is one, else the first; None where a run has none."""
    roles = sorted(_roles(run), key=lambda found: found[0].rpartition("/")[2] != VERDICT)
    first = {role: name for name, role in reversed(roles)}
    total = measure(run, TOTAL, "total", every=False) if "total" in first else None
    return total, measure(run, first["watched"], "watched", every=False) if "watched" in first else None


def _roles(run: RunFolder) -> Iterator[tuple[str, Role]]:
    names = dict.fromkeys(
        name for values in run.evaluations.values() for name, numbers in values.items() if np.isfinite(numbers).any()
    )
    weights = {label(reward): reward["weight"] for reward in run.config["rewards"] if reward["weight"]}
    for name in names:
        if name == TOTAL:
            yield name, "total"
        elif name.startswith(PICTURES):
            yield name, "picture"
        elif not name.startswith(PREFIX) or name.removeprefix(PREFIX) not in weights:
            yield name, "watched"
        elif weights != {name.removeprefix(PREFIX): 1.0}:
            # A single reward of weight 1 is the total.
            yield name, "reward"


def label(reward: Mapping[str, Any]) -> str:
    """What a reward is called in metrics: its label, else its name, of a function the part behind the colon."""
    return reward.get("label") or reward["name"].rpartition(":")[2]
