"""A run on several processes is the run on one: metrics, weights, evaluation, end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.several_processes import assert_equal_runs, train

#: float32 sums in another order; AdamW divides tiny gradients by their own size, which multiplies it.
TOLERANCE = 1e-4


@pytest.mark.parametrize(
    ("algorithm", "processes"),
    [
        ("neighbor-grpo", 2),
        *(pytest.param(name, 2, marks=pytest.mark.slow) for name in ("dance-grpo", "mix-grpo")),
        *(pytest.param(name, 3, marks=pytest.mark.slow) for name in ("neighbor-grpo", "dance-grpo", "mix-grpo")),
    ],
)
def test_several_processes_equal_one(algorithm: str, processes: int, tmp_path: Path) -> None:
    update = {"update_every": "anchor", "anchors.count": 2} if algorithm == "neighbor-grpo" else {}
    said = train(tmp_path / "several", processes, "--algo", algorithm, **update)
    train(tmp_path / "one", 1, "--algo", algorithm, **update)
    assert f"An iteration on {processes} processes" in said
    assert said.count("Weights:") == 1
    assert_equal_runs(tmp_path / "one", tmp_path / "several", TOLERANCE)
