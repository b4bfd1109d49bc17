"""Runs on several processes of this machine, and what they have in common with a run on one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from tests.tiny_runs import genrl

#: One thread each: sums in another order are not what is compared here.
SETTINGS = {
    "run.threads": 1,
    "run.save_steps": 1,
    "train.max_steps": 2,
    "train.prompts_per_iteration": 6,
    "train.ema_decay": 0.9,
    "sampling.group_size": 4,
    "sampling.steps": 4,
    "evaluation.samples": 5,
    "evaluation.grid": 3,
    "evaluation.every": 2,
}
#: As `--accelerate-config fsdp2` sets them.
SHARDED = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_RESHARD_AFTER_FORWARD": "false"}
#: What depends on the clock, and `calls`, which counts batches.
APART = {"seconds", "step_time", "rewards/wait", "rewards/wait_share", "calls"}


def arguments(folder: Path, **sets: Any) -> list[str]:
    """Of a small run into `folder`; sets: settings with __ for a dot."""
    settings = SETTINGS | {key.replace("__", "."): value for key, value in sets.items()}
    return ["train", "--device", "cpu", "--output", str(folder), *(f"--set={k}={json.dumps(v)}" for k, v in settings.items())]


def alone(told: Sequence[str]) -> str:
    """The command on this very process; what it said."""
    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        return genrl(*told)
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)


def start(count: int, told: Sequence[str], **variables: str) -> list[subprocess.Popen[str]]:
    """The command on `count` processes, with the variables that every launcher sets."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    here = {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1", "COLUMNS": "200", "TERM": "dumb"}
    common = {**os.environ, **here, "MASTER_ADDR": "localhost", "MASTER_PORT": port, "WORLD_SIZE": str(count), **variables}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "genrl", *told],
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(count)
    ]


def ended(processes: Sequence[subprocess.Popen[str]], code: int = 0) -> list[str]:
    """What each of the processes said, once all have ended with that code."""
    said = [" ".join(process.communicate(timeout=280)[0].split()) for process in processes]
    assert [process.returncode for process in processes] == [code] * len(processes), said
    return said


def rows(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{k: value for k, value in json.loads(line).items() if not {k, k.rsplit("/")[-1]} & APART} for line in lines]


def weights(folder: Path, step: int = 2) -> dict[str, torch.Tensor]:
    """Everything that a checkpoint holds of weights and optimizer."""
    checkpoint = folder / "checkpoints" / f"checkpoint-{step:06d}"
    files = [checkpoint / f"{name}.safetensors" for name in ("current", "ema", "optimizer")]
    return {f"{path.stem}.{key}": value for path in files if path.exists() for key, value in load_file(path).items()}


def assert_equal_runs(one: Path, other: Path, tolerance: float, step: int = 2) -> None:
    """Metrics and weights, relative to the largest number of their kind; tolerance: of sums in another order."""
    assert len(rows(one)) == len(rows(other))
    for mine, theirs in zip(rows(one), rows(other), strict=True):
        assert mine.keys() == theirs.keys()
        for name, value in mine.items():
            # A loss at ratio 1 is a small difference of large terms.
            scale = max(abs(value), 1e-2 if name == "loss" else 1e-6)
            assert abs(value - theirs[name]) <= tolerance * scale, (name, value, theirs[name])
    first, second = weights(one, step), weights(other, step)
    assert first.keys() == second.keys()
    largest: dict[str, float] = {}
    for name, tensor in first.items():
        kind = name.rsplit(".")[-1]
        largest[kind] = max(largest.get(kind, 0.0), float(tensor.abs().max()))
    for name, tensor in first.items():
        error = float((tensor.double() - second[name].double()).abs().max())
        assert error <= tolerance * largest[name.rsplit(".")[-1]], (name, error)
