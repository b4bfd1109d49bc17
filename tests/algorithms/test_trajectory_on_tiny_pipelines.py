"""Two iterations of every trajectory recipe with LoRA on tiny SD3, FLUX and Wan pipelines."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from genrl.config import resolve
from genrl.run import build

RECIPES = {
    "flow-grpo-fast": ["steps.size=1", "sampling.steps=4"],
    "flow-cps": [],
    "flow-dppo": ["steps.size=1"],
    "grpo-guard": [],
    "temp-flow-grpo": ["steps.seeds=2", "steps.branches=2"],
    "branch-grpo": [],
}
SETS = [
    "run.device=cpu",
    "run.threads=1",
    "model.weights=lora",
    "model.lora_rank=2",
    "train.prompts_per_iteration=1",
    "train.learning_rate=0.01",
    "train.ema_decay=0",
    "sampling.group_size=4",
    "sampling.steps=3",
    "rewards=[colorfulness]",
    "update_every=2",
]


@pytest.mark.parametrize("family", ["flux", *(pytest.param(name, marks=pytest.mark.slow) for name in ("sd3", "wan"))])
@pytest.mark.parametrize("recipe", RECIPES)
def test_two_iterations(recipe: str, family: str, saved: Callable[[str], list[str]], tmp_path: Path) -> None:
    sets = [*SETS, *saved(family), *RECIPES[recipe]]
    trainer = build(resolve(recipe, preset="none", sets=sets), tmp_path, reporter=None)
    before = {name: tensor.clone() for name, tensor in trainer.policy.weight_set("current").items()}
    rows = [trainer.iterate(0), trainer.iterate(1)]
    assert all(math.isfinite(value) for row in rows for name, value in row.items() if name.startswith(("loss", "grad_norm")))
    assert rows[0]["grad_norm"] > 0.0
    assert rows[0]["backwards"] > 0.0
    moved = trainer.policy.weight_set("current")
    assert any(bool((moved[name] != tensor).any()) for name, tensor in before.items())
