"""Runs on several processes of this machine, and what they have in common with a run on one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from tests.tiny_runs import genrl

LAUNCHER = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node"]
TRAIN = ("train", "--device", "cpu")
#: One thread each: sums in another order are not what is compared here.
SETTINGS = {
    "run.threads": 1,
    "run.save_steps": 1,
    "train.max_steps": 2,
    "train.prompts_per_iteration": 6,
    "train.ema_decay": 0.9,
    "sampling.group_size": 3,
    "sampling.steps": 4,
    "evaluation.samples": 5,
    "evaluation.grid": 3,
    "evaluation.every": 2,
}
#: What depends on the clock, and `calls`, which counts batches.
APART = {"seconds", "step_time", "rewards/wait", "rewards/wait_share", "calls"}


def train(folder: Path, processes: int, *arguments: str, code: int = 0, env: dict[str, str] | None = None, **sets: Any) -> str:
    """What the run said. sets: settings, with __ for a dot."""
    settings = SETTINGS | {key.replace("__", "."): value for key, value in sets.items()}
    told = [f"--set={key}={json.dumps(value)}" for key, value in settings.items()]
    arguments = (*TRAIN, "--output", str(folder), *told, *arguments)
    if processes == 1:
        AcceleratorState._reset_state(reset_partial_state=True)
        return genrl(*arguments, code=code)
    command = [*LAUNCHER, str(processes), "-m", "genrl", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment() | (env or {}), check=False)
    said = " ".join((done.stdout + done.stderr).split())
    assert bool(done.returncode) == bool(code), said
    return said


def environment() -> dict[str, str]:
    """One thread, wide lines, and the package that is tested."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "PYTHONPATH": str(Path(__file__).parents[1])}


def rows(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{k: value for k, value in json.loads(line).items() if not {k, k.rsplit("/")[-1]} & APART} for line in lines]


def weights(folder: Path, step: int = 2) -> dict[str, torch.Tensor]:
    """Everything that a checkpoint holds of weights and optimizer."""
    checkpoint = folder / "checkpoints" / f"checkpoint-{step:06d}"
    files = [checkpoint / f"{name}.safetensors" for name in ("current", "ema", "optimizer")]
    return {f"{path.stem}.{key}": value for path in files if path.exists() for key, value in load_file(path).items()}


def assert_equal_runs(one: Path, other: Path, tolerance: float, step: int = 2) -> None:
    """Metrics and weights, relative to the largest number of their kind; tolerance: of rounding in another order."""
    assert len(rows(one)) == len(rows(other))
    for mine, theirs in zip(rows(one), rows(other), strict=True):
        assert mine.keys() == theirs.keys()
        for name, value in mine.items():
            # A loss is a small difference of large terms.
            scale = max(abs(value), 1e-2 if name == "loss" else 1e-6)
            assert abs(value - theirs[name]) <= tolerance * scale, (name, value, theirs[name])
    first, second = weights(one, step), weights(other, step)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        error = (tensor.double() - second[name].double()).abs().max()
        # Moments of weights that hardly matter are tiny numbers; they are compared with the largest of all.
        scale = max(float(t.abs().max()) for key, t in first.items() if key.rsplit(".")[-1] == name.rsplit(".")[-1])
        assert error <= tolerance * scale, (name, float(error), scale)
