"""RunConfig: everything that decides a run, resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from genrl.config.text import dump
from genrl.protocols import Algorithm
from genrl.settings import (
    AlarmSettings,
    EvaluationSettings,
    ModelSettings,
    PromptSettings,
    RewardSettings,
    RunSettings,
    TrainSettings,
)
from genrl.spec import to_spec
from genrl.types import Sampling

#: The top-level keys beside `algorithm`. Any other key is a field of the algorithm.
SECTIONS = ("sampling", "model", "rewards", "prompts", "train", "evaluation", "alarms", "run")


@dataclass(frozen=True)
class RunConfig:
    """A recipe by its registered name, as it is after all changes, and the settings around it."""

    algorithm_name: str
    algorithm: Algorithm
    sampling: Sampling = field(default_factory=Sampling)
    model: ModelSettings = field(default_factory=ModelSettings)
    rewards: tuple[RewardSettings, ...] = ()
    prompts: PromptSettings = field(default_factory=PromptSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    alarms: AlarmSettings = field(default_factory=AlarmSettings)
    run: RunSettings = field(default_factory=RunSettings)


def to_plain(config: RunConfig) -> dict[str, Any]:
    """Plain data with the keys that a configuration file has, nothing left out."""
    algorithm = to_spec(config.algorithm) | {"name": config.algorithm_name}
    head = {"algorithm": {"name": config.algorithm_name} | algorithm}
    return head | {section: to_spec(getattr(config, section)) for section in SECTIONS}


def to_yaml(config: RunConfig) -> str:
    """The whole configuration as YAML; `--config` reads it back to an equal one."""
    return dump(to_plain(config))
