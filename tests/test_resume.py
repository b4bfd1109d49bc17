"""A killed run, resumed, ends with the bytes of the uninterrupted one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.killing import differences
from genrl import checkpoint
from genrl.checkpoint import Snapshot

COMMAND = [sys.executable, "-m", "genrl", "train"]
SETTINGS = {
    "run.threads": "1",
    "run.save_steps": "2",
    "train.max_steps": "6",
    "train.prompts_per_iteration": "2",
    "train.ema_decay": "0.9",
    "sampling.group_size": "4",
    "sampling.steps": "6",
    "evaluation.samples": "8",
    "evaluation.every": "3",
}
#: Metrics of the process and not of the run: its time, and the texts that it had not encoded yet.
CLOCK = {"step_time", "rewards/wait", "rewards/wait_share", "encodes"}


def start(folder: Path, *extra: str) -> subprocess.Popen[bytes]:
    sets = [f"--set={key}={value}" for key, value in SETTINGS.items()]
    return subprocess.Popen([*COMMAND, "--device", "cpu", "--output", str(folder), *sets, *extra])


def rows(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [
        {key: value for key, value in json.loads(line).items() if key not in CLOCK and not key.endswith("/seconds")}
        for line in lines
    ]


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["neighbor-grpo", "dance-grpo", "mix-grpo"])
def test_sigkill_and_resume_is_bit_identical(algorithm: str, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(whole, "--algo", algorithm).wait() == 0
    process = start(killed, "--algo", algorithm)
    wait_for(killed / "checkpoints" / "checkpoint-000002", process)
    time.sleep(0.3)  # somewhere inside a later iteration
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert subprocess.run([*COMMAND, "--resume", str(killed)], check=False).returncode == 0
    assert rows(killed) == rows(whole)
    last = [checkpoint.read_state(folder / "checkpoints" / "checkpoint-000006") for folder in (killed, whole)]
    assert last[0] == last[1]
    for name in ("current", "ema", "optimizer"):
        path = Path("checkpoints/checkpoint-000006") / f"{name}.safetensors"
        mine, theirs = load_file(killed / path), load_file(whole / path)
        assert mine.keys() == theirs.keys()
        assert all(mine[key].equal(theirs[key]) for key in mine)


def test_kills_at_random_moments_change_no_end() -> None:
    """A few of those that `benchmarks/kill_and_resume.py` makes by the hundred."""
    command = [sys.executable, "-m", "benchmarks.kill_and_resume", "--kills", "3", "--recipes", "neighbor-grpo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills (1 at a random time, 1 before an operation on a file, 1 while a checkpoint is written)" in done.stdout
    assert "0 things were wrong" in done.stdout


@pytest.mark.parametrize("change", ["none", "weights", "state", "metrics", "evaluation", "model"])
def test_ends_that_differ_are_told_apart(change: str, tmp_path: Path) -> None:
    for name in ("one", "other"):
        other = name == "other" and change
        (tmp_path / name / "evaluations").mkdir(parents=True)
        (tmp_path / name / "model").mkdir()
        snapshot = Snapshot({"current": {"w": torch.tensor([0.0, float(other == "weights")])}}, {"step": int(other == "state")})
        checkpoint.save(tmp_path / name / "checkpoints", 3, snapshot, keep=1)
        row = {"step": 1, "loss": float(other == "metrics"), "step_time": time.monotonic()}
        (tmp_path / name / "metrics.jsonl").write_text(json.dumps(row) + "\n")
        (tmp_path / name / "evaluations" / "step-000003.json").write_text(str(other == "evaluation"))
        save_file({"w": torch.tensor([float(other == "model")])}, tmp_path / name / "model" / "lora.safetensors")
    expected = {
        "none": [],
        "weights": ["checkpoint-000003"],
        "state": ["checkpoint-000003"],
        "metrics": ["metrics.jsonl"],
        "evaluation": ["evaluations/step-000003.json"],
        "model": ["model/lora.safetensors"],
    }
    assert differences(tmp_path / "one", tmp_path / "other") == expected[change]


def test_ctrl_c_saves_and_resume_goes_on(tmp_path: Path) -> None:
    process = start(tmp_path / "run", "--set=run.save_steps=0", "--set=train.max_steps=4")
    wait_for(tmp_path / "run" / "evaluations" / "step-000000.json", process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 0
    saved = list((tmp_path / "run" / "checkpoints").glob("checkpoint-*"))
    assert len(saved) == 1
    assert '<span class="state stopped">' in (tmp_path / "run" / "report.html").read_text()
    assert subprocess.run([*COMMAND, "--resume", str(tmp_path / "run")], check=False).returncode == 0
    assert max(row["step"] for row in rows(tmp_path / "run")) == 4
    assert '<span class="state finished">' in (tmp_path / "run" / "report.html").read_text()
