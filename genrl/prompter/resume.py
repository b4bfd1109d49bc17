"""A run of a prompt writer that goes on: its own configuration, and the few settings that may differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from genrl.config.layers import parse_set
from genrl.config.resume import FILE, flat
from genrl.errors import CheckpointError, ConfigError
from genrl.prompter.config import PrompterConfig, changed, resolve_prompter, to_plain

#: What decides no number of the steps to come.
FREE = ("grpo.save_steps", "grpo.save_total_limit", "run.device", "run.threads", "run.report_to")


def resumed_prompter(folder: Path, sets: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> PrompterConfig:
    """The configuration of the run in `folder`; CheckpointError if there is none, ConfigError for what may not change.

    The number of steps may change if the learning rate does not depend on it.
    """
    if not (folder / FILE).is_file():
        raise CheckpointError(f"There is no run in {str(folder)!r}: {folder / FILE} is missing. Give the folder of a run.")
    saved = resolve_prompter(config=folder / FILE)
    saved = replace(saved, flow=replace(saved.flow, run=replace(saved.flow.run, output=str(folder))))
    asked = changed(saved, [*(parse_set(text) for text in sets), *(flags or {}).items()])
    before, after = flat(to_plain(saved)), flat(to_plain(asked))
    steps = ("grpo.max_steps", "train.max_steps") if saved.grpo.get("lr_scheduler_type") == "constant" else ()
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key) and key not in (*FREE, *steps):
            raise ConfigError(
                f"The run in {folder} has {key} = {before.get(key)!r}, so it cannot go on with {after.get(key)!r}; "
                "leave the option out, or start a new run."
            )
    return asked
