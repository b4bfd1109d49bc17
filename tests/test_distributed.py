"""A run on several processes is the run on one: metrics, weights, evaluations and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.several_processes import SHARDED, alone, arguments, assert_equal_runs, ended, start

#: float32 sums in another order. AdamW divides by the size of a gradient, which multiplies the error of tiny ones.
TOLERANCE = 1e-4
RECIPES = ("neighbor-grpo", "dance-grpo", "mix-grpo")
OWN: dict[str, dict[str, Any]] = {
    "neighbor-grpo": {"update_every": "anchor", "anchors__count": 2},
    "mix-grpo": {"steps__size": 2},
}


def told(algorithm: str, folder: Path, weights: str = "full") -> list[str]:
    return [*arguments(folder, model__weights=weights, **OWN.get(algorithm, {})), "--algo", algorithm]


@pytest.mark.parametrize(
    ("algorithm", "count"),
    [
        ("neighbor-grpo", 2),
        *(pytest.param(name, 2, marks=pytest.mark.slow) for name in RECIPES[1:]),
        *(pytest.param(name, 3, marks=pytest.mark.slow) for name in RECIPES),
    ],
)
def test_several_processes_equal_one(algorithm: str, count: int, tmp_path: Path) -> None:
    processes = start(count, told(algorithm, tmp_path / "several"))
    alone(told(algorithm, tmp_path / "one"))
    said = ended(processes)
    assert f"An iteration on {count} processes" in said[0]
    assert "Weights:" in said[0]
    assert said[1:] == [""] * (count - 1)
    assert_equal_runs(tmp_path / "one", tmp_path / "several", TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["full", "lora"])
@pytest.mark.parametrize("algorithm", RECIPES)
def test_shards_equal_replicas_equal_one(algorithm: str, weights: str, tmp_path: Path) -> None:
    # The reference of full weights is a set of its own.
    extra = ["--set=regularizers=[]"] if weights == "full" else []
    alone([*told(algorithm, tmp_path / "one", weights), *extra])
    ended(start(2, [*told(algorithm, tmp_path / "ddp", weights), *extra]))
    ended(start(2, [*told(algorithm, tmp_path / "fsdp", weights), *extra], **SHARDED))
    assert_equal_runs(tmp_path / "one", tmp_path / "ddp", TOLERANCE)
    assert_equal_runs(tmp_path / "one", tmp_path / "fsdp", TOLERANCE)
    held = {path.name for path in (tmp_path / "one" / "model").iterdir()}
    assert {path.name for path in (tmp_path / "fsdp" / "model").iterdir()} == held


def test_shards_are_refused_where_a_batch_would_wait_for_all_processes(tmp_path: Path) -> None:
    said = ended(start(2, told("dance-grpo", tmp_path / "run"), **SHARDED), code=2)
    assert "asks other weights as well (reference)" in said[0]
