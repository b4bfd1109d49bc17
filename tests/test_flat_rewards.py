"""A reward that tells no pictures apart is reported once, by its name."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from genrl.reporting import RunReporter
from genrl.tracking import FlatRewards


def test_a_reward_is_named_once_after_as_many_flat_iterations_in_a_row() -> None:
    watch = FlatRewards(patience=3)

    def told(*stds: float) -> list[list[str]]:
        return [watch.update({"rewards/ocr/std": std, "rewards/clip/std": 0.1, "reward_std": 0.0}) for std in stds]

    assert told(0.0, 0.0, 0.2, 0.0, 1e-12) == [[]] * 5
    assert watch.update({"rewards/clip/std": 0.1}) == []  # it applied to nothing, which is no spread and no lack of it
    assert told(0.0, 0.0, 0.0) == [["ocr"], [], []]
    assert told(0.3, 0.0, 0.0, 0.0) == [[]] * 4


def test_the_run_says_so(tmp_path: Path) -> None:
    with (tmp_path / "said.txt").open("w+") as output:
        reporter = RunReporter(tmp_path, "neighbor-grpo", 20, Console(file=output, width=300))
        for step in range(1, 13):
            reporter.iteration(step, {"reward": 0.0, "rewards/ocr/std": 0.0})
        output.seek(0)
        said = output.read()
    assert said.count("The reward ocr gave every picture the same number in the last 10 iterations") == 1
    assert "step   10" in said
