"""Two iterations of every recipe of the forward process with LoRA on tiny SD3, FLUX and Wan pipelines."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from genrl.config import resolve
from genrl.run import build

RECIPES = ["diffusion-nft", "awm", "dgpo", "online-dpo", "crd"]
SETS = [
    "run.device=cpu",
    "run.threads=1",
    "model.weights=lora",
    "model.lora_rank=2",
    "train.prompts_per_iteration=1",
    "train.learning_rate=0.01",
    "train.ema_decay=0",
    "sampling.group_size=3",
    "sampling.steps=3",
    "times.count=2",
    "rewards=[colorfulness]",
]


@pytest.mark.parametrize("family", ["flux", *(pytest.param(name, marks=pytest.mark.slow) for name in ("sd3", "wan"))])
@pytest.mark.parametrize("recipe", RECIPES)
def test_two_iterations(recipe: str, family: str, saved: Callable[[str], list[str]], tmp_path: Path) -> None:
    trainer = build(resolve(recipe, preset="none", sets=[*SETS, *saved(family)]), tmp_path, reporter=None)
    policy, rules = trainer.policy, trainer.algorithm.snapshots
    names = ["current", *(rule.label for rule in rules)]
    before = {name: [tensor.clone() for tensor in policy.weight_set(name).values()] for name in names}
    rows = [trainer.iterate(0), trainer.iterate(1)]
    assert policy.stored_sets == sorted(rule.label for rule in rules)  # the reference is the network without its adapters
    for row in rows:
        assert all(math.isfinite(row[name]) for name in ("loss", "grad_norm"))
        assert row["grad_norm"] > 0.0
        assert row["forwards"] == 9
    for name in names:
        assert not all(map(torch.equal, policy.weight_set(name).values(), before[name])), f"{name} stands still"
    if rows[0]["optimizer_steps"] == 1.0 and "drift/reference" in rows[0]:
        assert rows[0]["drift/reference"] < 1e-9 < rows[1]["drift/reference"]
