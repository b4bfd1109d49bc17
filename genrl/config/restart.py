"""A new run that begins with the trained weights of another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genrl import checkpoint
from genrl.config.layers import parse_set
from genrl.config.presets import NO_PRESET
from genrl.config.resolve import asked_algorithm, resolve
from genrl.config.resume import FILE
from genrl.config.run_config import RunConfig
from genrl.config.text import read_mapping
from genrl.errors import CheckpointError


def restarted(
    folder: Path, *, algo: str | None = None, sets: Sequence[str] = (), flags: Mapping[str, Any] | None = None
) -> RunConfig:
    """The configuration of the run in `folder`, anything changed that is asked for, to begin with its newest good checkpoint.

    folder: of a run, or of one of its checkpoints. The new run has a folder of its own, and uploads nothing unless asked.
    Raises CheckpointError if there is no run or no good checkpoint of it.
    """
    run = folder.parent.parent if (folder / checkpoint.MANIFEST).is_file() else folder
    if not (run / FILE).is_file():
        raise CheckpointError(f"There is no run in {str(run)!r}: {run / FILE} is missing. Give the folder of a run.")
    source = folder if run != folder else checkpoint.newest(run / "checkpoints")
    if source is None:
        raise CheckpointError(f"The run in {run} has no good checkpoint, so there are no weights to begin with.")
    data = read_mapping(run / FILE)
    data["run"] = {key: value for key, value in data["run"].items() if key not in ("output", "hub_model_id")}
    own = data["algorithm"]["name"]
    if asked_algorithm(algo, [parse_set(text) for text in sets], {"algorithm": own}) != own:
        del data["algorithm"]
    start = {"model.start_from": str(source)}
    return resolve(algo, preset=NO_PRESET, config=data, sets=sets, flags={**(flags or {}), **start})
