"""What a run does when a reward has no score: groups are left out and counted, or it stops with its weights saved."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from genrl.config import resolve
from genrl.errors import RewardError
from genrl.evaluation import Evaluation
from genrl.reporting import RunReporter, load_evaluation
from genrl.rewards import Failed, RewardPanel, RewardTerm
from genrl.run import build
from genrl.trainer import Trainer

PROMPTS, GROUP = 3, 4
SETS = [
    "run.device=cpu",
    "run.threads=1",
    f"train.prompts_per_iteration={PROMPTS}",
    f"sampling.group_size={GROUP}",
    "sampling.steps=3",
    "anchors.count=2",
    "evaluation.samples=6",
    "train.max_steps=2",
    "train.ema_decay=0",
]


def brightness(prompts: list[str], completions: Any, **columns: Any) -> list[Any]:
    return [float(np.asarray(picture).mean()) / 255 for picture in completions]


def failing(rows: set[int], **attributes: Any) -> Callable[..., list[Any]]:
    """The brightness, but for these rows of each call."""

    def reward(prompts: list[str], completions: Any, **columns: Any) -> list[Any]:
        values = brightness(prompts, completions)
        return [Failed("504 from the judge") if row in rows else value for row, value in enumerate(values)]

    for name, value in attributes.items():
        setattr(reward, name, value)
    return reward


@cache
def base() -> Trainer:
    return build(resolve("neighbor-grpo", preset="none", sets=SETS), Path("unused"), None)


def trainer(folder: Path, *terms: RewardTerm, reporter: Any = None) -> Trainer:
    """A run on four held-out prompts, at step 0."""
    evaluator = replace(base().evaluator, prompts=base().evaluator.prompts[:4])
    panel = RewardPanel(terms, folder / "failures")
    return replace(base(), rewards=panel, folder=folder, reporter=reporter, evaluator=evaluator)


def test_dropped_groups_are_neither_credited_nor_learnt_from(tmp_path: Path) -> None:
    whole = trainer(tmp_path, RewardTerm("bright", brightness)).iterate(0)
    # Row 5 is in the second of three groups; the watched reward costs none.
    terms = (
        RewardTerm("bright", failing({5}), 1.0, "drop"),
        RewardTerm("watched", failing({0, 11}), 0.0, "drop"),
    )
    partly = trainer(tmp_path, *terms)
    learnt: list[str] = []
    updates = type(partly.algorithm).updates

    class Watching(type(partly.algorithm)):
        def updates(self, groups: Any, rows: int, rng: Any) -> Any:
            learnt.extend(group.prompt.text for group in groups)
            assert all(group.advantages.isfinite().all() for group in groups)
            return updates(self, groups, rows, rng)

    partly.algorithm = Watching(**vars(partly.algorithm))
    row = partly.iterate(0)
    drawn = [prompt.text for prompt in partly.prompts.draw(0, PROMPTS)]
    assert learnt == [drawn[0], drawn[2]]
    assert row["dropped_groups"] == 1
    assert (row["rewards/bright/failed"], row["rewards/watched/failed"]) == (1, 2)
    assert row["backwards"] * PROMPTS == whole["backwards"] * (PROMPTS - 1)
    assert row["decodes"] == whole["decodes"]
    assert (whole["dropped_groups"], whole["rewards/bright/failed"]) == (0, 0)
    assert math.isfinite(row["loss"])
    assert math.isfinite(row["rewards/watched/mean"])


@pytest.mark.parametrize(
    ("policy", "rows", "message"),
    [
        ("stop", {5}, r"'bright' has no score for row 5 .*failures/bright-step-0-row-5\.png\): 504 from the judge"),
        ("drop", {0, 6, 11}, r"No group .*'bright' failed for 3 of 12 pictures \(504 from the judge\)"),
    ],
)
def test_a_run_that_stops_has_saved_its_weights(policy: Any, rows: set[int], message: str, tmp_path: Path) -> None:
    reporter = RunReporter(tmp_path, "neighbor-grpo", 2, Console(quiet=True))
    run = trainer(tmp_path, RewardTerm("bright", failing(rows), 1.0, policy), reporter=reporter)
    run.evaluate = lambda: None
    with pytest.raises(RewardError, match=message):
        run.fit(lambda: False)
    assert [path.name for path in (tmp_path / "checkpoints").glob("checkpoint-*")] == ["checkpoint-000000"]


def test_a_failing_evaluation_saves_what_was_learnt(tmp_path: Path) -> None:
    reporter = RunReporter(tmp_path, "neighbor-grpo", 2, Console(quiet=True))
    run = trainer(tmp_path, RewardTerm("bright", brightness), reporter=reporter)
    evaluations = iter([None, RewardError("the judge is gone")])

    def evaluate() -> None:
        error = next(evaluations)
        if error:
            raise error

    run.evaluate = evaluate
    with pytest.raises(RewardError, match="the judge is gone"):
        run.fit(lambda: False)
    assert [path.name for path in (tmp_path / "checkpoints").glob("checkpoint-*")] == ["checkpoint-000002"]


def test_decoding_is_left_out_where_every_reward_judges_latents(tmp_path: Path) -> None:
    def norm(prompts: list[str], completions: torch.Tensor, **columns: Any) -> torch.Tensor:
        return completions.flatten(1).norm(dim=1)

    norm.media = "latent"
    latent = RewardTerm("norm", norm)
    assert trainer(tmp_path, latent).iterate(0)["decodes"] == 0
    assert trainer(tmp_path, latent, RewardTerm("bright", brightness)).iterate(0)["decodes"] == PROMPTS * GROUP


def test_evaluation_leaves_failures_out_and_counts_them(tmp_path: Path) -> None:
    output = (tmp_path / "said.txt").open("w+")
    reporter = RunReporter(tmp_path, "neighbor-grpo", 2, Console(file=output, width=200))
    whole = trainer(tmp_path, RewardTerm("bright", brightness)).evaluator
    run = trainer(tmp_path, RewardTerm("bright", failing({1}), 1.0, "drop"), reporter=reporter)
    evaluation = run.evaluate()
    values = whole(run.policy, RewardPanel([RewardTerm("bright", brightness)])).values["reward"]
    # Samples of a prompt stay together: with 4 prompts and 6 samples, row 1 of the call is sample 4.
    assert evaluation.failures == {"bright": {4: "504 from the judge"}}
    expected = np.where(np.arange(6) == 4, np.nan, values)
    np.testing.assert_array_equal(evaluation.values["reward"], expected)
    assert evaluation.interval().mean == pytest.approx(np.nanmean(expected))
    row = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert row["eval/rewards/bright/failed"] == 1
    assert row["eval/reward"] == pytest.approx(np.nanmean(expected))
    stored = (tmp_path / "evaluations" / "step-000000.json").read_text()
    assert "NaN" not in stored
    again = load_evaluation(tmp_path, 0)
    assert again is not None
    np.testing.assert_array_equal(again.values["reward"], expected)
    assert evaluation.gain(again).mean == 0.0
    output.seek(0)
    assert "bright has no score for 1 of these pictures: 504 from the judge" in output.read()
    run.rewards = RewardPanel([RewardTerm("bright", failing(set(range(6))), 1.0, "drop")])
    with pytest.raises(RewardError, match=r"No held-out picture .* failed for 6 of 6 pictures"):
        run.evaluate()


def test_evaluated_groups_are_whole_and_noise_is_that_of_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[list[str], list[int]]] = []

    def told(prompts: list[str], completions: Any, groups: list[int], **columns: Any) -> list[float]:
        calls.append((prompts, groups))
        return brightness(prompts, completions)

    told.group_wise = True
    run = trainer(tmp_path, RewardTerm("told", told))

    def evaluated(batch: int) -> Evaluation:
        monkeypatch.setattr("genrl.evaluation.BATCH", batch)
        return run.evaluator(run.policy, run.rewards)

    together = evaluated(96)
    assert [groups for _, groups in calls] == [[0, 0, 1, 1, 2, 3]]
    texts = [prompt.text for prompt in run.evaluator.prompts]
    assert calls[0][0] == [texts[group] for group in calls[0][1]]
    calls.clear()
    apart = evaluated(3)
    assert [groups for _, groups in calls] == [[0, 0], [1, 1, 2], [3]]
    calls.clear()
    np.testing.assert_allclose(evaluated(1).values["reward"], together.values["reward"], rtol=1e-5)
    assert [groups for _, groups in calls] == [[0], [0], [1], [1], [2], [3]]
    np.testing.assert_allclose(apart.values["reward"], together.values["reward"], rtol=1e-5)
    torch.testing.assert_close(apart.images, together.images, rtol=0.0, atol=1e-4)
    assert together.prompts == [texts[i % 4] for i in range(6)]
