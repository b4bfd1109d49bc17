"""Signs: a healthy run has none worth a look, and each ailment is found by its own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from genrl.config import resolve, to_plain
from genrl.report.folder import RunFolder
from genrl.report.health import SIGNS, Finding, findings
from tests.run_folders import HEALTHY, row

CONFIG = to_plain(resolve())
EPSILON = CONFIG["algorithm"]["objective"]["epsilon"]


def of(rows: list[dict[str, float]], config: Any = CONFIG) -> dict[str, Finding]:
    numbered = [{"step": step, **values} for step, values in enumerate(rows, 1)]
    return {found.sign.metric: found for found in findings(RunFolder(Path(), config, {}, numbered, {}, {}, {}, None))}


def test_healthy_run_has_nothing_worth_a_look() -> None:
    found = of([row(step) for step in range(1, 21)])
    assert found.keys() == HEALTHY.keys()
    assert [metric for metric, finding in found.items() if finding.worth_a_look] == []


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("reward_std", 0.1 / 11),
        ("frac_reward_zero_std", 0.6),
        ("clip_ratio/region_mean", 0.6),
        ("log_ratio_abs_max", 11 * EPSILON),
        ("ratio_mean", 1.2),
        ("ratio_mean", 0.8),
        ("grad_norm", 11.0),
        ("skipped_updates", 0.1),
        ("clip_ratio/clamp_mean", 0.01),
    ],
)
def test_an_ailment_of_the_last_quarter_is_found(metric: str, value: float) -> None:
    sound = row(1, **{"clip_ratio/clamp_mean": 0.0})
    found = of([sound] * 15 + [{**sound, metric: value}] * 5)
    assert [name for name, finding in found.items() if finding.worth_a_look] == [metric]
    assert next(iter(found)) == metric
    assert found[metric].value == pytest.approx(value)


def test_how_a_run_began_is_not_held_against_it_but_a_skipped_update_is() -> None:
    found = of([row(1, grad_norm=1000.0, skipped_updates=1.0)] + [row(2)] * 19)
    assert not found["grad_norm"].worth_a_look
    assert found["skipped_updates"].worth_a_look


def test_what_was_never_finite_is_worth_a_look() -> None:
    found = of([row(1, grad_norm=math.nan)] * 3)["grad_norm"]
    assert found.worth_a_look
    assert math.isnan(found.value)


def test_a_bound_that_a_run_has_switched_off_is_none() -> None:
    config = CONFIG | {"train": CONFIG["train"] | {"max_grad_norm": 0.0}}
    assert not of([row(1, grad_norm=1e6)], config)["grad_norm"].worth_a_look
    config = CONFIG | {"algorithm": {"name": "of a plugin"}}
    assert not of([row(1, log_ratio_abs_max=1e6)], config)["log_ratio_abs_max"].worth_a_look


def test_every_sign_is_explained_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert [sign.metric for sign in SIGNS if f"`{sign.metric}`" not in page] == []
