"""The configuration of a new run that begins with the weights of another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from genrl import checkpoint
from genrl.checkpoint import Snapshot
from genrl.config import RunConfig, check, resolve, restarted, to_yaml
from genrl.errors import CheckpointError


@pytest.fixture
def saved(tmp_path: Path) -> RunConfig:
    """A run of MixGRPO with two checkpoints, the newer of them damaged."""
    sets = ["steps.size=2", "run.seed=7", "train.max_steps=20", "run.hub_model_id=me/mine"]
    config = resolve("mix-grpo", sets=sets, flags={"run.output": str(tmp_path / "run")})
    for step in (10, 20):
        last = checkpoint.save(tmp_path / "run" / "checkpoints", step, Snapshot({"current": {"w": torch.ones(1)}}, {}), keep=2)
    (last / "current.safetensors").write_bytes(b"")
    (tmp_path / "run" / "config.yaml").write_text(to_yaml(config))
    return config


def test_it_begins_with_the_newest_good_checkpoint_in_a_folder_of_its_own(saved: RunConfig) -> None:
    run = Path(saved.run.output)
    with pytest.warns(UserWarning, match="checkpoint-000020 is damaged"):
        config = restarted(run)
    start = str(run / "checkpoints" / "checkpoint-000010")
    assert config.run == replace(saved.run, output="", hub_model_id="")
    assert config == replace(saved, run=config.run, model=replace(saved.model, start_from=start))
    assert restarted(Path(start)) == config, "a checkpoint can be named itself"


def test_anything_may_change_even_the_recipe(saved: RunConfig) -> None:
    first = Path(saved.run.output) / "checkpoints" / "checkpoint-000010"
    config = restarted(first, algo="dance-grpo", sets=["train.learning_rate=3e-6", "steps.fraction=0.5"])
    assert config.algorithm == resolve("dance-grpo", preset="none", sets=["steps.fraction=0.5"]).algorithm
    assert config.train == replace(saved.train, learning_rate=3e-6)
    assert config.sampling == saved.sampling


def test_there_have_to_be_weights(saved: RunConfig, tmp_path: Path) -> None:
    run = Path(saved.run.output)
    (run / "checkpoints" / "checkpoint-000010" / "current.safetensors").unlink()
    with pytest.warns(UserWarning), pytest.raises(CheckpointError, match="has no good checkpoint"):
        restarted(run)
    with pytest.raises(CheckpointError, match="There is no run in"):
        restarted(tmp_path)
    lost = replace(saved, model=replace(saved.model, start_from="lost"), run=replace(saved.run, hub_model_id=""))
    with pytest.raises(CheckpointError, match="model.start_from: 'lost' is no checkpoint"):
        check(replace(lost, run=replace(lost.run, output="")))
