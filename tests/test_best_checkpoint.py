"""The best evaluation's checkpoint outlives the newest ones, and evaluations without a better one end a run."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from genrl import checkpoint
from genrl.cli.exporting import exported
from genrl.config import RunConfig, resolve, to_yaml
from genrl.errors import CheckpointError, ConfigError
from genrl.evaluation import Evaluation
from genrl.policy import WeightedPolicy
from genrl.processes import Processes
from genrl.reporting import RunReporter
from genrl.rewards import RewardPanel
from genrl.run import build
from genrl.trainer import Trainer


def config_of(folder: Path, **settings: Any) -> RunConfig:
    """One iteration between evaluations, checkpoints kept for two."""
    sets = {"train.max_steps": 6, "evaluation.every": 1, "run.save_steps": 2, "run.save_total_limit": 1} | settings
    return resolve(flags={"run.output": str(folder), "run.device": "cpu"} | sets)


def trainer_of(config: RunConfig, means: Sequence[float], monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """A trainer that learns nothing, and whose evaluation at step k has the mean `means[k]`."""
    folder = Path(config.run.output)
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(to_yaml(config))
    trainer = build(config, folder, RunReporter(folder, "neighbor-grpo", 6, Console(file=io.StringIO())))
    monkeypatch.setattr(trainer, "iterate", lambda k: {"reward": 0.0})

    def evaluator(policy: WeightedPolicy, rewards: RewardPanel, processes: Processes) -> Evaluation:
        mean = np.array([means[trainer.step]])
        return Evaluation([], torch.zeros(0, 3, 1, 1), {"reward": mean, "scenes/strict": -mean})

    monkeypatch.setattr(trainer, "evaluator", evaluator)
    return trainer


def kept(config: RunConfig) -> list[int]:
    return [int(folder.name[-6:]) for folder in checkpoint.found(Path(config.run.output) / "checkpoints")]


def test_the_best_is_saved_when_it_is_found_and_never_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path / "run")
    trainer_of(config, [0.1, 0.2, 0.3, 0.9, 0.4, 0.5, 0.6], monkeypatch).fit(lambda: False)
    assert kept(config) == [3, 6]
    folder = exported(Path(config.run.output), config, "best", tmp_path / "exported")
    assert '"step": 3' in (folder / "genrl.json").read_text()


def test_another_number_may_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path / "run", **{"evaluation.best_by": "scenes/strict"})
    trainer_of(config, [0.1, -0.2, 0.3, 0.9, 0.4, 0.5, 0.6], monkeypatch).fit(lambda: False)
    assert kept(config) == [1, 6]
    misspelt = config_of(tmp_path / "misspelt", **{"evaluation.best_by": "scenes/strickt"})
    with pytest.raises(ConfigError, match="did you mean 'scenes/strict'"):
        trainer_of(misspelt, [0.1], monkeypatch).fit(lambda: False)


def test_patience_ends_the_run_and_resuming_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path / "run", **{"evaluation.patience": 2})
    means = [0.1, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1]
    first = trainer_of(config, means, monkeypatch)
    first.fit(lambda: False)
    assert (first.step, first.best.step, kept(config)) == (3, 1, [1, 3])
    again = trainer_of(config, means, monkeypatch)
    again.restore()
    assert (again.step, again.best.step, again.best.waited) == (3, 1, 0)
    again.fit(lambda: False)
    assert again.step == 5


def test_there_is_no_best_checkpoint_of_a_run_that_only_got_worse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path / "run", **{"train.max_steps": 2})
    trainer_of(config, [0.3, 0.2, 0.1], monkeypatch).fit(lambda: False)
    assert kept(config) == [2]
    with pytest.raises(CheckpointError, match="better than that of the base model"):
        exported(Path(config.run.output), config, "best", tmp_path / "exported")
    with pytest.raises(ConfigError, match="neither an iteration nor best"):
        exported(Path(config.run.output), config, "bets", tmp_path / "exported")
