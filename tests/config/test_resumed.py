"""The configuration of a run that goes on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from genrl.config import RunConfig, deciding, resolve, resumed, to_yaml
from genrl.config.resume import flat
from genrl.errors import CheckpointError, ConfigError


@pytest.fixture
def saved(tmp_path: Path) -> RunConfig:
    """A run of MixGRPO that began in another folder than it lies in now."""
    sets = ["steps.size=2", "run.seed=7", "train.max_steps=20", "train.schedule=constant", "regularizers=[]"]
    config = resolve("mix-grpo", sets=sets, flags={"run.output": "moved"})
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    return dataclasses.replace(config, run=dataclasses.replace(config.run, output=str(tmp_path)))


def test_it_is_the_runs_own(saved: RunConfig) -> None:
    assert resumed(Path(saved.run.output)) == saved


def test_a_changed_policy_is_the_same_run() -> None:
    """Its checkpoints are read: a run that stopped at a failure goes on without such groups."""
    assert deciding(resolve(sets=["rewards.scenes.on_failure=drop"])) == deciding(resolve())
    assert deciding(resolve(sets=["rewards.scenes.weight=0.5"])) != deciding(resolve())


@pytest.mark.parametrize(
    "asked",
    [
        {"flags": {"train.max_steps": 40}},
        {"sets": ["rewards.scenes.on_failure=drop"]},
        {"sets": ["train.rows=2", "model.max_rows=3", "model.gradient_checkpointing=true"]},
        {"sets": ["run.save_steps=3", "run.save_total_limit=9", "run.report_to=[tensorboard]", "run.threads=1"]},
        {"algo": "mix-grpo", "sets": ["steps.size=2", "algorithm=mix-grpo"], "flags": {"run.seed": 7}},
    ],
)
def test_length_and_bookkeeping_may_change_and_repeating_is_no_change(saved: RunConfig, asked: dict[str, Any]) -> None:
    config = resumed(Path(saved.run.output), **asked)
    assert dataclasses.replace(config, train=saved.train, run=saved.run, rewards=saved.rewards, model=saved.model) == saved
    assert deciding(config) == deciding(saved)
    assert config.rewards[0].on_failure == ("drop" if "rewards.scenes.on_failure=drop" in asked.get("sets", ()) else "stop")
    assert config.train.max_steps == asked.get("flags", {}).get("train.max_steps", 20)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"sets": ["sampling.group_size=6"]}, "has sampling.group_size = 12, so it cannot go on with 6"),
        ({"sets": ["steps.size=3"]}, "has algorithm.steps.size = 2, so it cannot go on with 3"),
        (
            {"sets": ["regularizers=kl-velocity"]},
            "has algorithm.regularizers = [], so it cannot go on with [{'name': 'kl-velocity'",
        ),
        (
            {"flags": {"rewards": ["jpeg-size"]}},
            "has rewards = [{'name': 'scenes', 'weight': 1.0, 'options': {}, ",
        ),
        ({"flags": {"run.seed": 8}}, "has run.seed = 7, so it cannot go on with 8"),
        ({"flags": {"run.output": "elsewhere"}}, "so it cannot go on with 'elsewhere'"),
        (
            {"algo": "dance-grpo"},
            "The run trains with mix-grpo, not dance-grpo; begin a new run with its weights by adding --resume-weights-only.",
        ),
        ({"sets": ["algorithm=dance-grpo"]}, "The run trains with mix-grpo, not dance-grpo"),
        ({"sets": ["steps.sise=3"]}, "There is no setting 'steps.sise'; did you mean 'size'?"),
    ],
)
def test_what_decides_numbers_may_not(saved: RunConfig, asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resumed(Path(saved.run.output), **asked)
    assert sentence in str(caught.value)


def test_a_decaying_rate_was_paced_by_the_old_length(saved: RunConfig) -> None:
    folder = Path(saved.run.output)
    decaying = dataclasses.replace(saved, train=dataclasses.replace(saved.train, schedule="cosine"))
    (folder / "config.yaml").write_text(to_yaml(decaying))
    with pytest.raises(ConfigError, match=r"train\.max_steps = 20, so it cannot go on with 40"):
        resumed(folder, flags={"train.max_steps": 40})


def test_there_has_to_be_a_run(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"There is no run in .*config\.yaml is missing"):
        resumed(tmp_path)


def test_flat() -> None:
    assert flat({"a": {"b": [1, {"c": 2}], "d": {}}, "e": None}) == {"a.b": [1, {"c": 2}], "a.d": {}, "e": None}
