"""An iteration whose rollout is made and scored in parts ends at the weights of the serial one."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genrl import trainer as module
from genrl.config import resolve
from genrl.errors import RewardError
from genrl.rewards import RewardPanel, RewardTerm
from genrl.run import build
from genrl.trainer import Trainer

PROMPTS, GROUP = 4, 4
SETS = [
    "run.device=cpu",
    "run.threads=1",
    f"train.prompts_per_iteration={PROMPTS}",
    f"sampling.group_size={GROUP}",
    "sampling.steps=3",
    "anchors.count=2",
    "evaluation.samples=4",
    "train.learning_rate=1e-3",
]


def bright(prompts: list[str], completions: Tensor, log_metric: Any, **columns: Any) -> list[float]:
    time.sleep(0.02)
    log_metric("rows", len(prompts))
    return completions.mean(dim=(1, 2, 3)).tolist()


async def patient(prompts: list[str], completions: Any, **columns: Any) -> list[float]:
    await asyncio.sleep(0.02)
    return [hashlib.sha256(picture.tobytes()).digest()[0] / 255 for picture in completions]


bright.media = "tensor"


def run(folder: Path, rollout_prompts: int, *terms: RewardTerm) -> Trainer:
    built = build(
        resolve("neighbor-grpo", preset="none", sets=[*SETS, f"train.rollout_prompts={rollout_prompts}"]), folder, None
    )
    return replace(built, rewards=RewardPanel(terms or [RewardTerm("bright", bright), RewardTerm("patient", patient, 0.1)]))


def trained(trainer: Trainer) -> tuple[Tensor, list[dict[str, float]]]:
    """Weights after two iterations, and their metrics without the clock's."""
    rows = [trainer.iterate(k) for k in range(2)]
    clock = ("step_time", "rewards/wait", "rewards/wait_share", "rewards/bright/seconds", "rewards/patient/seconds")
    assert all(row[name] > 0.0 for row in rows for name in clock)
    weights = torch.cat([parameter.detach().flatten() for parameter in trainer.policy.parameters()])
    return weights, [{name: value for name, value in row.items() if name not in clock} for row in rows]


def serial(make: Any, use: Any) -> tuple[list[Any], float]:
    return [use(maker()) for maker in make], 1.0


def test_overlapped_scoring_is_the_serial_run_to_the_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, rows = trained(run(tmp_path, 1))
    with monkeypatch.context() as patched:
        patched.setattr(module, "overlapped", serial)
        expected, expected_rows = trained(run(tmp_path, 1))
    assert torch.equal(weights, expected)
    assert rows == expected_rows
    assert rows[0]["rows"] == GROUP
    assert rows[0]["decodes"] == PROMPTS * GROUP
    # At once, the batches of the network are others, and so is its rounding.
    together = run(tmp_path, 0).iterate(0)
    assert together["rows"] == PROMPTS * GROUP
    for name in ("rewards/bright/mean", "rewards/bright/std", "grad_norm"):
        assert together[name] == pytest.approx(rows[0][name], rel=1e-3)


def test_an_uneven_last_batch_is_part_of_the_iteration(tmp_path: Path) -> None:
    sizes: list[int] = []

    def counting(prompts: list[str], completions: Any, **columns: Any) -> list[float]:
        sizes.append(len(prompts))
        return [float(b) for b in range(len(prompts))]

    row = run(tmp_path, 3, RewardTerm("counting", counting)).iterate(0)
    assert sizes == [3 * GROUP, GROUP]
    assert row["forwards"] == PROMPTS * GROUP * 3


def test_a_reward_that_fails_beside_the_rollout_is_named(tmp_path: Path) -> None:
    calls: list[str] = []

    def broken(prompts: list[str], completions: Any, **columns: Any) -> list[float]:
        calls.append(threading.current_thread().name)
        return [float("nan") if len(calls) == 2 else 0.0] * len(prompts)

    trainer = run(tmp_path, 1, RewardTerm("broken", broken))
    texts = [prompt.text for prompt in trainer.prompts.draw(0, PROMPTS)]
    with pytest.raises(RewardError, match=rf"Reward 'broken' answered nan for row 0 \(prompt {texts[1]!r}\)"):
        trainer.iterate(0)
    assert calls[:2] == ["genrl-scoring"] * 2
