"""The first update of a rollout starts at a ratio of exactly 1, in low precision and under every switch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from genrl.config import resolve
from genrl.metering import Meter
from genrl.randomness import Randomness
from genrl.run import build

SETS = [
    "run.device=cpu",
    "run.threads=1",
    "train.prompts_per_iteration=1",
    "train.rows=3",
    "sampling.group_size=4",
    "sampling.steps=6",
    "model.call={guidance_scale: 1.0, use_resolution_binning: false}",
    "model.weights=lora",
    "model.dtype=bfloat16",
    "update_every=rollout",
]
#: The softmax over distances is normalised in float64.
ROUNDING = 2.0**-52


def log_ratio(algorithm: str, folder: Path, *sets: str) -> float:
    """The largest log-ratio of the second iteration, whose adapters are no longer zero."""
    trainer = build(resolve(algorithm, preset="none", sets=[*SETS, *sets]), folder, reporter=None)
    trainer.iterate(0)
    return trainer.iterate(1)["log_ratio_abs_max"]


@pytest.mark.parametrize("algorithm", ["neighbor-grpo", "dance-grpo", "mix-grpo", "branch-grpo", "grpo-guard"])
def test_ratio_is_one_in_bfloat16_with_lora(algorithm: str, tmp_path: Path) -> None:
    assert log_ratio(algorithm, tmp_path) <= ROUNDING


@pytest.fixture
def mixed() -> Iterator[str]:
    """bfloat16 weights under autocast in bfloat16; accelerate allows one precision in a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield "train.mixed_precision=bf16"
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.parametrize("algorithm", ["neighbor-grpo", "dance-grpo", "mix-grpo"])
def test_ratio_is_one_in_mixed_precision(algorithm: str, mixed: str, tmp_path: Path) -> None:
    assert log_ratio(algorithm, tmp_path, mixed) <= ROUNDING


def test_what_a_rollout_keeps_is_float32_in_mixed_precision(mixed: str, tmp_path: Path) -> None:
    trainer = build(resolve("dance-grpo", preset="none", sets=[*SETS, mixed]), tmp_path, reporter=None)
    prompts, rng = trainer.prompts.draw(0, 1), Randomness((0,))
    trainer.policy.encode([prompt.text for prompt in prompts])
    plan = trainer.algorithm.plan(0, trainer.sigmas, trainer.sampling, rng)
    (group,) = trainer.explore(prompts, plan, rng, Meter()).groups
    kept = [(step.state, step.next_state, step.velocity, step.log_prob) for step in group.kept.values()]
    assert {tensor.dtype for step in kept for tensor in (*step, group.final) if tensor is not None} == {torch.float32}


@pytest.mark.parametrize(
    "switches",
    [
        ["gradient_checkpointing=true", "fp8_base=true"],
        ["offload=true", "encodings=disk", "max_rows=3", "decode_rows=2"],
        ["attention=_native_math"],
        pytest.param(["compile=true"], marks=pytest.mark.slow),
    ],
    ids=lambda switches: switches[0],
)
def test_ratio_is_one_under_each_switch(switches: list[str], tmp_path: Path) -> None:
    assert log_ratio("dance-grpo", tmp_path, *(f"model.{switch}" for switch in switches)) == 0.0
