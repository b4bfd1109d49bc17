"""The numbers that tell whether a run learns soundly, each with what it means and when it is worth a look.

The bounds are rules of thumb: they say where to look first, not what is wrong. `docs/metrics.md` explains every number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from genrl.report.chart import Point
from genrl.report.folder import RunFolder

#: Of the run's last part, so much is judged: how a run begins is another matter.
RECENT = 0.25


@dataclass(frozen=True)
class Sign:
    """A metric, what it means, when it is worth a look ("below ...: why"), and the bounds (low, high) of what is not.

    bounds: from the configuration and the metric's first value; an infinite end is never crossed.
    ever: judged by the worst iteration of the whole run instead of the recent mean.
    """

    metric: str
    label: str
    meaning: str
    worry: str
    bounds: Callable[[Mapping[str, Any], float], tuple[float, float]]
    ever: bool = False


@dataclass(frozen=True)
class Finding:
    """A sign as a run shows it: all its points, the value that is judged, and whether it is out of bounds."""

    sign: Sign
    points: list[Point]
    value: float
    worth_a_look: bool

    @property
    def constant(self) -> bool:
        return len({value for _, value in self.points}) == 1


def _at_most(high: float) -> Callable[[Mapping[str, Any], float], tuple[float, float]]:
    return lambda config, first: (-math.inf, high)


def _times(section: str, key: str, factor: float) -> Callable[[Mapping[str, Any], float], tuple[float, float]]:
    """At most `factor` times a setting; no bound where the run has no such setting or has it switched off."""
    return lambda config, first: (-math.inf, factor * (_setting(config, section, key) or math.inf))


def _setting(config: Mapping[str, Any], section: str, key: str) -> float | None:
    part = config[section] if section in config else config["algorithm"].get(section)
    return part.get(key) if isinstance(part, Mapping) else None


SIGNS = (
    Sign(
        "reward_std",
        "Spread inside a group",
        "How far the members of a group lie apart in reward. It is what a group learns from.",
        "below a tenth of where it began: the pictures have become alike, or the reward cannot tell them apart",
        lambda config, first: (first / 10, math.inf),
    ),
    Sign(
        "frac_reward_zero_std",
        "Flat groups",
        "Share of groups whose members all score the same. They teach nothing.",
        "above one half: the reward is too coarse, or there is too little noise",
        _at_most(0.5),
    ),
    Sign(
        "clip_ratio/region_mean",
        "Clipped terms",
        "Share of the objective's terms without gradient, because the policy has already moved far enough.",
        "above one half: most of the rollout is wasted; fewer updates for each rollout, or a lower learning rate",
        _at_most(0.5),
    ),
    Sign(
        "log_ratio_abs_max",
        "Largest |log ratio|",
        "How far the policy has moved away from the one that drew the pictures, before they are thrown away.",
        "above ten times objective.epsilon: later updates are masked",
        _times("objective", "epsilon", 10),
    ),
    Sign(
        "ratio_mean",
        "Mean ratio",
        "Likelihood of the pictures under the new policy relative to the old one; 1 where they agree.",
        "more than a tenth away from 1: the policy has left the rollout behind",
        lambda config, first: (0.9, 1.1),
    ),
    Sign(
        "grad_norm",
        "Gradient norm",
        "Length of the gradient before it is clipped, the mean over an iteration's updates.",
        "above ten times train.max_grad_norm: every update has the same length, whatever the reward says",
        _times("train", "max_grad_norm", 10),
    ),
    Sign(
        "skipped_updates",
        "Skipped updates",
        "Share of updates that were left out, because their gradient was not finite.",
        "above 0 in any iteration: lower the learning rate, or set objective.log_ratio_clamp",
        _at_most(0.0),
        ever=True,
    ),
    Sign(
        "clip_ratio/clamp_mean",
        "Clamped terms",
        "Share of terms beyond objective.log_ratio_clamp, which only guards against overflow.",
        "above 0 in any iteration: the temperature or the learning rate is wrong",
        _at_most(0.0),
        ever=True,
    ),
)


def findings(run: RunFolder) -> list[Finding]:
    """Every sign that the run has measured: those worth a look first, those that never moved last."""
    metrics = dict.fromkeys(name for row in run.iterations for name in row)
    signs = [*SIGNS, *(_penalty(name) for name in metrics if name.startswith("penalty/"))]
    found = [_finding(run, sign) for sign in signs if sign.metric in metrics]
    return sorted(found, key=lambda finding: (not finding.worth_a_look, finding.constant))


def _finding(run: RunFolder, sign: Sign) -> Finding:
    points = [(row["step"], row[sign.metric]) for row in run.iterations if sign.metric in row]
    finite = [value for _, value in points if math.isfinite(value)]
    if not finite:
        return Finding(sign, points, math.nan, True)
    recent = finite[-math.ceil(RECENT * len(finite)) :]
    value = max(finite) if sign.ever else sum(recent) / len(recent)
    low, high = sign.bounds(run.config, finite[0])
    return Finding(sign, points, value, not low <= value <= high)


def _penalty(metric: str) -> Sign:
    return Sign(
        metric,
        f"Penalty {metric.partition('/')[2]}",
        "How far the policy has drifted from where it started, times its weight in the loss.",
        "when it rises and the held-out reward does not: drift without a gain",
        lambda config, first: (-math.inf, math.inf),
    )
