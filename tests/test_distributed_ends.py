"""What ends a run on several processes ends it on all, at the same place, with one voice."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from tests.several_processes import SHARDED, alone, arguments, assert_equal_runs, ended, rows, start, weights

#: A reward that has no score for whole groups of the first process, or that raises there.
REWARD = """
import os
from genrl.rewards import Failed

def bright(prompts, completions, trainer_state=None, **columns):
    values = [sum(picture.convert("L").getdata()) / 255 / picture.width / picture.height for picture in completions]
    # The texts tell, so that one process alone does the same.
    return [Failed("504") if "{bad}" in prompt and trainer_state else value for prompt, value in zip(prompts, values)]

def angry(prompts, completions, trainer_state=None, **columns):
    if trainer_state and trainer_state.global_step == 1 and os.environ.get("RANK", "0") == "1":
        raise RuntimeError("out of paper")
    return bright([""] * len(prompts), completions)
"""


def reward(folder: Path, name: str, bad: str = "nothing") -> list[str]:
    path = folder / "my_reward.py"
    path.write_text(REWARD.replace("{bad}", bad))
    return [f"--set=rewards=[{{name: '{path}:{name}', on_failure: drop}}]", "--algo", "dance-grpo"]


def prompts(folder: Path) -> list[str]:
    """In order, so the first process has the bad ones."""
    path = folder / "prompts.txt"
    path.write_text("\n".join(["a bad red circle", "a bad blue circle", "a green square", "a red star"]))
    return ["--prompts", str(path), "--set=prompts.shuffle=false", "--set=prompts.heldout_count=1"]


@pytest.mark.slow
def test_ctrl_c_on_one_process_stops_all_and_resume_is_exact(tmp_path: Path) -> None:
    long = {"train__max_steps": 4, "run__save_steps": 0, "evaluation__every": 0}
    ended(start(2, arguments(tmp_path / "whole", **long)))
    processes = start(2, arguments(tmp_path / "run", **long))
    while not (tmp_path / "run" / "metrics.jsonl").exists() or len(rows(tmp_path / "run")) < 2:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.02)
    processes[1].send_signal(signal.SIGINT)
    said = ended(processes)
    assert "Stopped after step" in said[0]
    (saved,) = (tmp_path / "run" / "checkpoints").glob("checkpoint-*")
    refused = start(1, ["train", "--resume", str(tmp_path / "run")])
    assert "processes = 2" in ended(refused, code=2)[0]
    ended(start(2, ["train", "--resume", str(tmp_path / "run")]))
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")
    mine, theirs = weights(tmp_path / "run", 4), weights(tmp_path / "whole", 4)
    assert all(mine[name].equal(theirs[name]) for name in mine.keys() | theirs.keys())


@pytest.mark.slow
@pytest.mark.parametrize("variables", [{}, SHARDED], ids=["replicas", "shards"])
def test_a_killed_process_ends_all_and_resume_is_exact(variables: dict[str, str], tmp_path: Path) -> None:
    """Killed at a random time after the first checkpoint; to end the other process is the launcher's part."""
    long = {"train__max_steps": 4, "evaluation__every": 0, "regularizers": []}
    ended(start(2, arguments(tmp_path / "whole", **long), **variables))
    for attempt, killed in enumerate((0, 1, 1)):
        run = tmp_path / f"run-{attempt}"
        processes = start(2, arguments(run, **long), **variables)
        while not list((run / "checkpoints").glob("checkpoint-*")):
            assert all(process.poll() is None for process in processes)
            time.sleep(0.02)
        time.sleep(random.Random(attempt).uniform(0.0, 3.0))
        for process in (processes[killed], processes[1 - killed]):
            process.kill()
            process.communicate()
        ended(start(2, ["train", "--resume", str(run)], **variables))
        assert [row | {"encodes": 0} for row in rows(run)] == [row | {"encodes": 0} for row in rows(tmp_path / "whole")]
        mine, theirs = weights(run, 4), weights(tmp_path / "whole", 4)
        assert all(mine[name].equal(theirs[name]) for name in mine.keys() | theirs.keys())


@pytest.mark.slow
def test_shards_resume_exactly(tmp_path: Path) -> None:
    constant = {"train__schedule": "constant", "regularizers": []}
    ended(start(2, arguments(tmp_path / "whole", **constant, train__max_steps=3), **SHARDED))
    ended(start(2, arguments(tmp_path / "run", **constant), **SHARDED))
    ended(start(2, ["train", "--resume", str(tmp_path / "run"), "--max-steps", "3"], **SHARDED))
    mine, theirs = weights(tmp_path / "run", 3), weights(tmp_path / "whole", 3)
    assert all(mine[name].equal(theirs[name]) for name in mine.keys() | theirs.keys())


@pytest.mark.slow
@pytest.mark.parametrize("variables", [{}, SHARDED], ids=["replicas", "shards"])
def test_a_process_that_loses_all_its_groups_takes_part(variables: dict[str, str], tmp_path: Path) -> None:
    small = {"train__prompts_per_iteration": 2, "train__max_steps": 1, "evaluation__samples": 1}
    extra = [*reward(tmp_path, "bright", "bad"), *prompts(tmp_path), "--set=regularizers=[]"]
    alone([*arguments(tmp_path / "one", **small), *extra])
    ended(start(2, [*arguments(tmp_path / "two", **small), *extra], **variables))
    assert rows(tmp_path / "one")[1]["dropped_groups"] == 1.0
    assert_equal_runs(tmp_path / "one", tmp_path / "two", 1e-4, step=1)


@pytest.mark.slow
def test_a_reward_that_raises_on_one_process_ends_all_with_one_sentence(tmp_path: Path) -> None:
    small = {"train__prompts_per_iteration": 2, "run__save_steps": 0}
    said = ended(start(2, [*arguments(tmp_path / "run", **small), *reward(tmp_path, "angry")]), code=2)
    assert said[0].count("out of paper") == 1
    assert said[1] == ""
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["checkpoint-000001"]


def test_processes_that_share_prompts_unevenly_are_refused_before_they_meet(tmp_path: Path) -> None:
    said = ended(start(2, arguments(tmp_path / "run", train__prompts_per_iteration=5)), code=2)
    assert "Set train.prompts_per_iteration to 4 or 6, or start 1 or 5 processes." in said[0]
    assert said[1] == ""
