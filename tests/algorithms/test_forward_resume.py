"""A checkpoint holds every weight set, so that a run goes on as if it had not been interrupted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch

from genrl.config import resolve
from genrl.run import build
from genrl.trainer import Trainer

SETS = [
    "run.device=cpu",
    "run.threads=1",
    "run.self_check=false",
    "model.weights=full",
    "model.call={guidance_scale: 1.0, use_resolution_binning: false}",
    "sampling.group_size=3",
    "sampling.steps=2",
    "times.count=2",
    "train.prompts_per_iteration=1",
    "train.learning_rate=0.001",
]


def fresh(folder: Path) -> Trainer:
    silent = SimpleNamespace(saved=lambda step, folder: None)
    return build(resolve("crd", preset="none", sets=SETS), folder, silent)


def test_every_weight_set_is_restored(tmp_path: Path) -> None:
    whole = fresh(tmp_path)
    whole.iterate(0)
    whole.step = 1
    whole.save()
    whole.iterate(1)
    resumed = fresh(tmp_path)
    resumed.restore()
    resumed.iterate(1)
    assert whole.policy.stored_sets == ["old", "reference", "sampling"]
    for name in ("current", *whole.policy.stored_sets):
        ours, theirs = (trainer.policy.weight_set(name) for trainer in (whole, resumed))
        assert all(torch.equal(ours[key], theirs[key]) for key in ours), name
    old, current = (whole.policy.weight_set(name) for name in ("old", "current"))
    assert any(bool((old[key] != current[key]).any()) for key in old)
