"""The first update of a rollout starts at a ratio of exactly 1, in low precision and under every switch."""

from __future__ import annotations

from pathlib import Path

import pytest

from genrl.config import resolve
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
