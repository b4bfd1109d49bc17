"""Where the weights of an export come from: the finished model, a checkpoint's LoRA, or a checkpoint's tensors."""

from __future__ import annotations

import shutil
from pathlib import Path

from genrl import checkpoint
from genrl.config import RunConfig
from genrl.errors import CheckpointError, ConfigError
from genrl.export import read_record, write_card

#: Asks for the checkpoint of the best evaluation.
BEST = "best"


def exported(run: Path, config: RunConfig, asked: str | None, output: Path | None) -> Path:
    """The folder with the weights of a run at a checkpoint; without one of the finished model, else the newest checkpoint.

    asked: an iteration, or "best", as text.
    What a checkpoint or the run holds ready is copied; a pipeline folder of full weights is made from the base model.
    """
    step = None if asked is None else _best(run) if asked == BEST else _iteration(asked)
    finished = run / checkpoint.MODEL
    if step is None and finished.is_dir():
        folder = finished if output is None else _copied(finished, _new(output))
    else:
        source = _checkpoint(run, step)
        folder = _new(output or run / "exports" / source.name.replace("checkpoint", "step"))
        ready = source / checkpoint.MODEL
        folder = _copied(ready, folder) if ready.is_dir() else _rebuilt(source, folder, run, config)
    write_card(folder, run, config, read_record(folder), config.run.hub_model_id)
    return folder


def _iteration(asked: str) -> int:
    if not asked.isdecimal():
        raise ConfigError(f"--checkpoint {asked} is neither an iteration nor {BEST}.")
    return int(asked)


def _best(run: Path) -> int:
    """The iteration of the best evaluation, which every checkpoint notes; CheckpointError if no checkpoint is its own."""
    best = checkpoint.read_state(_checkpoint(run, None))["best"]["step"]
    if best is None:
        raise CheckpointError(f"The run in {run} has evaluation.best_by empty, so it has no best; give an iteration.")
    if best == 0:
        raise CheckpointError(f"No evaluation of the run in {run} was better than that of the base model; give an iteration.")
    return best


def _checkpoint(run: Path, step: int | None) -> Path:
    """The checkpoint of a step, or the newest; CheckpointError if it is not there or damaged."""
    root = run / "checkpoints"
    there = checkpoint.found(root)
    wanted = [folder for folder in there if step is None or folder.name == f"checkpoint-{step:06d}"]
    if not wanted:
        steps = ", ".join(str(int(folder.name.rpartition("-")[2])) for folder in there) or "none"
        asked = "no checkpoint" if step is None else f"no checkpoint of iteration {step}"
        raise CheckpointError(f"There is {asked} in {root}; there are: {steps}.")
    damage = checkpoint.verify(wanted[-1])
    if damage:
        raise CheckpointError(f"{wanted[-1]} is damaged ({damage}); export another one with --checkpoint.")
    return wanted[-1]


def _new(folder: Path) -> Path:
    if folder.exists():
        raise ConfigError(f"{str(folder)!r} is there already; choose another --output, or remove it.")
    return folder


def _copied(source: Path, folder: Path) -> Path:
    try:
        return Path(shutil.copytree(source, folder))
    except OSError as error:
        raise ConfigError(f"{str(folder)!r} cannot be written ({error.strerror}); choose another --output.") from None


def _rebuilt(source: Path, folder: Path, run: Path, config: RunConfig) -> Path:
    from genrl.run import rebuilt

    rebuilt(source, folder, run, config)
    return folder
