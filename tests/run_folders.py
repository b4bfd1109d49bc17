"""Run folders as `genrl.reporting` writes them, without a model."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from rich.console import Console

from genrl.config import resolve, to_yaml
from genrl.evaluation import Evaluation
from genrl.reporting import RunReporter

PROMPTS = ("a red circle", "two blue squares", "a green triangle")
#: Nothing in it is worth a look.
HEALTHY = {
    "reward_std": 0.1,
    "frac_reward_zero_std": 0.0,
    "clip_ratio/region_mean": 0.2,
    "log_ratio_abs_max": 0.02,
    "ratio_mean": 1.0,
    "grad_norm": 0.5,
    "skipped_updates": 0.0,
    "penalty/kl-velocity": 0.001,
}
COST = {
    "forwards": 96.0,
    "snapshot_forwards": 0.0,
    "reference_forwards": 5.0,
    "backwards": 24.0,
    "decodes": 12.0,
    "optimizer_steps": 2.0,
}


def values(step: int) -> dict[str, np.ndarray]:
    """40 samples that all score .02 more with each step, but for a noise that is much smaller than their spread."""
    spread, noise = np.random.default_rng(0).uniform(0.2, 0.6, 40), np.random.default_rng(step).normal(0, 0.01, 40)
    reward = spread + 0.02 * step + noise
    return {"reward": reward, "rewards/scenes": reward, "scenes/quality": reward**2, "scenes/strict": (reward > 0.5) * 1.0}


def pictures(step: int, count: int = len(PROMPTS)) -> torch.Tensor:
    """Grey, and brighter with every step."""
    return torch.full((count, 3, 16, 16), min(1.0, 0.2 + 0.05 * step))


def row(step: int, **changes: float) -> dict[str, float]:
    return {"reward": 0.4 + 0.02 * step, "step_time": 2.0 + step} | HEALTHY | COST | changes


def write_run(
    folder: Path,
    *,
    steps: int = 4,
    asked: int = 4,
    every: int = 2,
    config: dict[str, Any] | None = None,
    prompts: Sequence[str] = PROMPTS,
    values: Callable[[int], dict[str, np.ndarray]] = values,
    pictures: Callable[[int], torch.Tensor] = pictures,
    row: Callable[[int], dict[str, float]] = row,
) -> Path:
    """`steps` of `asked` iterations, evaluated at step 0, every `every` steps and at the end; never if `every` is 0."""
    folder.mkdir(parents=True)
    settled = resolve(config=config or {}, flags={"run.output": str(folder), "train.max_steps": asked})
    (folder / "config.yaml").write_text(to_yaml(settled))
    (folder / "environment.yaml").write_text(yaml.safe_dump({"genrl": "0.1.0", "torch": "2.13.0", "device": "a laptop"}))
    with RunReporter(folder, settled.algorithm_name, asked, Console(file=io.StringIO())) as reporter:
        for step in range(steps + 1):
            if step:
                reporter.iteration(step, row(step))
            if every and (step % every == 0 or step == asked):
                reporter.evaluation(step, Evaluation(list(prompts), pictures(step), values(step)))
    if steps == asked:
        (folder / "model").mkdir()
    return folder
