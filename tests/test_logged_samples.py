"""Columns that rewards log about single pictures end up in samples.jsonl, a row each, and a resumed run writes none twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from genrl.config import resolve
from genrl.persistence import Progress
from genrl.reporting import RunReporter
from genrl.rewards import Failed, RewardPanel, RewardTerm
from genrl.run import build

SETS = [
    "run.device=cpu",
    "run.threads=1",
    "train.max_steps=2",
    "train.prompts_per_iteration=2",
    "train.rollout_prompts=1",
    "sampling.group_size=2",
    "sampling.steps=3",
    "anchors.count=2",
    "evaluation.samples=3",
    "evaluation.every=0",
]


def reading(prompts: list[str], completions: Any, log_extra: Any, **columns: Any) -> list[Any]:
    log_extra("read", [f"{picture.size[0]} wide" for picture in completions])
    return [Failed("unreadable") if b == 3 else float(b) for b in range(len(prompts))]


def ones(prompts: list[str], completions: Any) -> list[float]:
    return [1.0] * len(prompts)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


def test_every_picture_has_a_row_with_what_was_logged(tmp_path: Path) -> None:
    reporter = RunReporter(tmp_path, "neighbor-grpo", 2, Console(quiet=True))
    run = build(resolve("neighbor-grpo", preset="none", sets=SETS), tmp_path, reporter)
    run.rewards = RewardPanel([RewardTerm("reading", reading, 1.0, "drop"), RewardTerm("ones", ones)])
    run.fit(lambda: False)
    found = rows(tmp_path)
    assert [(row["step"], row["split"]) for row in found] == [
        *[(0, "heldout")] * 3,
        *[(1, "train")] * 4,
        *[(2, "train")] * 4,
        *[(2, "heldout")] * 3,
    ]
    first, second = run.prompts.draw(0, 2)
    assert found[5] == {
        "step": 1,
        "split": "train",
        "prompt": second.text,
        "rewards/reading": 0.0,
        "rewards/ones": 1.0,
        "read": "32 wide",
    }
    assert [row["prompt"] for row in found[3:7]] == [first.text] * 2 + [second.text] * 2
    assert [row["prompt"] for row in found[:3]] == [prompt.text for prompt in run.evaluator.prompts]

    again = RunReporter(tmp_path, "neighbor-grpo", 2, Console(quiet=True))
    again.resume(Progress(1, evaluated=0))
    assert rows(tmp_path) == found[:7]

    at_once = replace(run, train=replace(run.train, rollout_prompts=0))
    at_once.rewards = RewardPanel([RewardTerm("reading", reading, 1.0, "drop")])
    at_once.iterate(0)
    assert [sample["rewards/reading"] for sample in at_once.samples] == [0.0, 1.0, 2.0, None]


def test_without_a_logged_column_there_is_no_file(tmp_path: Path) -> None:
    reporter = RunReporter(tmp_path, "neighbor-grpo", 2, Console(quiet=True))
    reporter.iteration(1, {"reward": 0.0}, [])
    reporter.resume(Progress(1))
    assert not (tmp_path / "samples.jsonl").exists()
