"""What a page claims about gains: roles, pairs, and when it claims nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrl.report.folder import RunFolder
from genrl.report.measures import headline, measure, measures
from genrl.statistics import bootstrap

RNG = np.random.default_rng(0)
SPREAD = RNG.normal(0, 1, 200)


def run_of(evaluations: dict[int, dict[str, Any]], weights: dict[str, float]) -> RunFolder:
    config = {"rewards": [{"name": name, "weight": weight, "label": ""} for name, weight in weights.items()]}
    found = {step: {name: np.asarray(v, float) for name, v in values.items()} for step, values in evaluations.items()}
    return RunFolder(Path(), config, {}, [], found, {}, {}, None)


def test_roles_follow_the_weights() -> None:
    names = ("reward", "rewards/hps", "pictures/grid", "rewards/clip", "rewards/aesthetic", "hps/sharpness")
    values = {name: [0.0, 1.0] for name in names}
    run = run_of({0: values}, {"my.py:hps": 1.0, "clip": -0.3, "aesthetic": 0.0})
    told = {found.label: (found.role, found.origin) for found in measures(run)}
    assert told == {
        "reward": ("total", "the sum of the rewards"),
        "aesthetic": ("watched", "watched, weight 0"),
        "hps/sharpness": ("watched", "measured by hps"),
        "hps": ("reward", "one of the rewards"),
        "clip": ("reward", "one of the rewards"),
        "pictures/grid": ("picture", "measured on the pictures"),
    }


def test_a_reward_goes_by_its_label() -> None:
    run = run_of({0: {"reward": [0.0, 1.0], "rewards/faces": [0.0, 1.0]}}, {"asking": 0.5})
    run.config["rewards"][0]["label"] = "faces"
    assert [(found.label, found.role) for found in measures(run)] == [("reward", "total"), ("faces", "reward")]


@pytest.mark.parametrize(("weight", "shown"), [(1.0, ["reward"]), (0.5, ["reward", "rewards/hps"])])
def test_a_single_reward_is_not_shown_twice(weight: float, shown: list[str]) -> None:
    run = run_of({0: {"reward": [0.0, 1.0], "rewards/hps": [0.0, 1.0]}}, {"hps": weight})
    assert [found.name for found in measures(run)] == shown


def test_verdict_comes_before_the_parts() -> None:
    values = {name: [0.0, 1.0] for name in ("reward", "scenes/quality", "scenes/strict")}
    total, watched = headline(run_of({0: values}, {"scenes": 1.0}))
    assert total is not None
    assert watched is not None
    assert (total.name, watched.name) == ("reward", "scenes/strict")
    assert headline(run_of({}, {"scenes": 1.0})) == (None, None)


def test_difference_is_paired() -> None:
    """A shift of a tenth of the spread is lost between two means of 200, and found between 200 pairs."""
    run = run_of({0: {"reward": SPREAD}, 10: {"reward": SPREAD + 0.1 + 0.01 * RNG.normal(size=200)}}, {"r": 1.0})
    found = measure(run, "reward", "total")
    assert found.difference == bootstrap(run.evaluations[10]["reward"] - run.evaluations[0]["reward"])
    assert found.verdict == "higher"
    assert found.before.high > found.after.low


def test_noise_is_no_change_and_a_loss_is_a_loss() -> None:
    after = {"same": SPREAD + RNG.normal(0, 1, 200), "worse": SPREAD - 0.5}
    run = run_of({0: {"same": SPREAD, "worse": SPREAD}, 5: after}, {"r": 1.0})
    assert measure(run, "same", "watched").verdict == "no clear change"
    assert measure(run, "worse", "watched").verdict == "lower"


def test_numbers_that_do_not_apply_are_left_out() -> None:
    """A picture counts in the difference if both evaluations have its number."""
    run = run_of({0: {"r": [1.0, np.nan, 3.0, 4.0]}, 1: {"r": [2.0, 5.0, np.nan, 5.0]}, 2: {"r": [np.nan] * 4}}, {"r": 1.0})
    found = measure(run, "r", "total")
    assert list(found.curve) == [0, 1]
    assert found.before.mean == pytest.approx(8 / 3)
    assert (found.samples, found.difference) == (2, bootstrap(np.array([1.0, 1.0])))


def test_one_evaluation_has_no_difference() -> None:
    found = measure(run_of({0: {"reward": SPREAD}}, {"r": 1.0}), "reward", "total")
    assert (found.difference, found.verdict) == (None, "one evaluation")
    assert found.before == found.after
