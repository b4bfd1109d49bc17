"""A run that goes on: its own configuration, and the few settings that may differ without changing what it computes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genrl.config.presets import NO_PRESET
from genrl.config.resolve import amend, resolve
from genrl.config.run_config import RunConfig, to_plain
from genrl.errors import CheckpointError, ConfigError

FILE = "config.yaml"
#: Of `run`, only the seed decides numbers; the folder is where the run is found.
_FIXED = ("run.seed", "run.output")
#: What trades memory for time changes numbers by rounding alone.
MEMORY = (
    "train.rows",
    "train.rollout_prompts",
    "model.max_rows",
    "model.decode_rows",
    "model.gradient_checkpointing",
    "model.offload",
    "model.encodings",
)


def resumed(
    folder: Path, *, algo: str | None = None, sets: Sequence[str] = (), flags: Mapping[str, Any] | None = None
) -> RunConfig:
    """The configuration of the run in `folder`, with `train.max_steps`, `on_failure` of rewards, settings of `run` and those
    that save memory changed if asked.

    Raises CheckpointError if there is no run, ConfigError if anything else is asked to differ from how the run began.
    """
    path = folder / FILE
    if not path.is_file():
        raise CheckpointError(f"There is no run in {str(folder)!r}: {path} is missing. Give the folder of a run.")
    saved = resolve(config=path, preset=NO_PRESET)
    saved = dataclasses.replace(saved, run=dataclasses.replace(saved.run, output=str(folder)))
    asked = amend(saved, algo, sets=sets, flags=flags)
    before, after = flat(_lasting(saved)), flat(_lasting(asked))
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key) and not _may_change(key, saved):
            raise ConfigError(
                f"The run in {folder} has {key} = {before.get(key)!r}, so it cannot go on with {after.get(key)!r}; "
                "leave the option out, or begin a new run with its weights by adding --resume-weights-only."
            )
    return asked


def deciding(config: RunConfig) -> dict[str, Any]:
    """Everything that decides a run's numbers, dotted path to leaf; a run does not go on with another value of any."""
    return {key: value for key, value in flat(_lasting(config)).items() if key != "run.output" and not _may_change(key, config)}


def _lasting(config: RunConfig) -> dict[str, Any]:
    """Plain data without what happens to failed scores, which decides no number that was written."""
    plain = to_plain(config)
    rewards = [{key: value for key, value in reward.items() if key != "on_failure"} for reward in plain["rewards"]]
    return plain | {"rewards": rewards}


def flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted path to leaf; a list is a leaf."""
    leaves: dict[str, Any] = {}
    for key, part in data.items():
        path = f"{prefix}{key}"
        leaves |= flat(part, f"{path}.") if isinstance(part, Mapping) and part else {path: part}
    return leaves


def _may_change(key: str, saved: RunConfig) -> bool:
    if key == "train.max_steps":
        # A decaying rate was already paced by the old number.
        return saved.train.schedule == "constant"
    return key in MEMORY or (key.startswith("run.") and key not in _FIXED)
