"""Checkpoints at iteration boundaries: an atomic folder of safetensors and JSON, with hashes that detect a damaged file.

All randomness is keyed, so a checkpoint needs weights, optimizer state and counters; what follows is a pure function of them.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from genrl import files
from genrl.errors import CheckpointError

MANIFEST = "manifest.json"
STATE = "state.json"
MODEL = "model"
TENSORS = ".safetensors"


@dataclass
class Snapshot:
    """Everything a run needs to go on: named tensor files, and plain numbers."""

    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


def save(
    root: Path,
    iteration: int,
    snapshot: Snapshot,
    keep: int,
    export: Callable[[Path], None] | None = None,
    best: int | None = None,
) -> Path:
    """Write `root/checkpoint-<iteration>`, whole or not at all, then drop all but the newest `keep` and `best`.

    export: writes a folder `MODEL` that other programs load into the checkpoint; it is hashed with the rest.
    Raises CheckpointError if it cannot be written; earlier checkpoints then are as they were.
    """
    final = folder_of(root, iteration)
    try:
        root.mkdir(parents=True, exist_ok=True)
        files.sweep(root)
        with files.whole_folder(final) as draft:
            _write(draft, snapshot, export)
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CheckpointError(f"The checkpoint {final} could not be written ({reason}). {_left(root)}") from error
    for old in found(root)[: -keep or None]:
        if best is None or old != folder_of(root, best):
            files.remove_folder(old)
    return final


def _write(folder: Path, snapshot: Snapshot, export: Callable[[Path], None] | None) -> None:
    for name, tensors in snapshot.tensors.items():
        save_file({key: value.contiguous().cpu() for key, value in tensors.items()}, folder / f"{name}{TENSORS}")
    (folder / STATE).write_text(json.dumps(snapshot.state))
    if export:
        export(folder / MODEL)
    hashes = {path.relative_to(folder).as_posix(): _digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    (folder / MANIFEST).write_text(json.dumps(hashes, indent=1))


def _left(root: Path) -> str:
    """What there is to go on with after a checkpoint has failed, and how."""
    good = newest(root)
    if good is None:
        return "Free space, or choose another --output, and start the run again."
    return f"The last good checkpoint is {good}; free space and go on with `genrl train --resume {root.parent}`."


def folder_of(root: Path, iteration: int) -> Path:
    return root / f"checkpoint-{iteration:06d}"


def step_of(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def found(root: Path) -> list[Path]:
    """Checkpoint folders, oldest first."""
    return sorted(root.glob("checkpoint-[0-9]*"), key=step_of)


def newest(root: Path) -> Path | None:
    """The newest undamaged checkpoint below `root`, None if there is none; damaged ones are named in a warning."""
    for folder in reversed(found(root)):
        damage = verify(folder)
        if damage is None:
            return folder
        warnings.warn(f"{folder.name} is damaged ({damage}); falling back to the one before.", stacklevel=3)
    return None


def load(root: Path) -> Snapshot:
    """The newest undamaged checkpoint below `root`; CheckpointError if there is none."""
    folder = newest(root)
    if folder is None:
        reason = f"Every checkpoint in {root} is damaged" if found(root) else f"There is no checkpoint in {root}"
        raise CheckpointError(f"{reason}; start a new run: genrl train --config {root.parent / 'config.yaml'} --output FOLDER")
    return read(folder)


def verify(folder: Path) -> str | None:
    """What is wrong with a checkpoint folder, None if nothing is."""
    try:
        hashes = _hashes(folder)
    except (OSError, ValueError):
        return f"no readable {MANIFEST}"
    for name, digest in hashes.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if _digest(path) != digest:
            return f"{name} was altered or truncated"
    return None


def _hashes(folder: Path) -> dict[str, str]:
    """File by name to sha256; ValueError if the manifest is not one."""
    hashes = json.loads((folder / MANIFEST).read_text())
    if not isinstance(hashes, dict) or STATE not in hashes:
        raise ValueError(f"{MANIFEST} lists no {STATE}")
    return hashes


def read(folder: Path) -> Snapshot:
    """The snapshot in a checkpoint folder, which is taken to be whole; a file that its manifest does not list is not read."""
    names = [name for name in _hashes(folder) if name.endswith(TENSORS) and "/" not in name]
    tensors = {name.removesuffix(TENSORS): load_file(folder / name) for name in names}
    return Snapshot(tensors, read_state(folder))


def read_state(folder: Path) -> dict[str, Any]:
    """The plain numbers of a checkpoint folder."""
    return json.loads((folder / STATE).read_text())


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as flat named tensors: `<parameter index>.<state name>`."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": value for index, slots in state.items() for name, value in slots.items()}


def load_optimizer_tensors(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
