"""Checkpoints at iteration boundaries: an atomic folder of safetensors and JSON, with hashes that detect a damaged file.

All randomness is keyed, so a checkpoint needs weights, optimizer state and counters; what follows is a pure function of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from genrl.errors import CheckpointError

MANIFEST = "manifest.json"
STATE = "state.json"
MODEL = "model"


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
    """Write `root/checkpoint-<iteration>` under a temporary name, rename it, then drop all but the newest `keep` and `best`.

    export: writes a folder `MODEL` that other programs load into the checkpoint; it is hashed with the rest.
    """
    root.mkdir(parents=True, exist_ok=True)
    final = _folder(root, iteration)
    draft = root / f".draft-{iteration:06d}"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir()
        for name, tensors in snapshot.tensors.items():
            save_file({key: value.contiguous().cpu() for key, value in tensors.items()}, draft / f"{name}.safetensors")
        (draft / STATE).write_text(json.dumps(snapshot.state))
        if export:
            export(draft / MODEL)
        hashes = {path.relative_to(draft).as_posix(): _digest(path) for path in _files(draft)}
        (draft / MANIFEST).write_text(json.dumps(hashes, indent=1))
        _flush(draft)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(draft, final)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise CheckpointError(
            f"The checkpoint {final} could not be written ({error.strerror}); free space or choose another output. "
            "Earlier checkpoints are untouched."
        ) from error
    for old in found(root)[: -keep or None]:
        if best is None or old != _folder(root, best):
            shutil.rmtree(old)
    return final


def _folder(root: Path, iteration: int) -> Path:
    return root / f"checkpoint-{iteration:06d}"


def found(root: Path) -> list[Path]:
    """Complete checkpoint folders, oldest first."""
    return sorted(root.glob("checkpoint-[0-9]*"))


def load(root: Path) -> Snapshot:
    """The newest undamaged checkpoint below `root`; damaged ones are named in a warning and passed over."""
    candidates = found(root)
    if not candidates:
        raise CheckpointError(f"There is no checkpoint in {root}; start the run again without --resume.")
    for folder in reversed(candidates):
        damage = verify(folder)
        if damage is None:
            return read(folder)
        warnings.warn(f"{folder.name} is damaged ({damage}); falling back to the one before.", stacklevel=2)
    raise CheckpointError(f"Every checkpoint in {root} is damaged ({damage}); start the run again without --resume.")


def verify(folder: Path) -> str | None:
    """What is wrong with a checkpoint folder, None if nothing is."""
    try:
        hashes = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return f"no readable {MANIFEST}"
    for name, digest in hashes.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if _digest(path) != digest:
            return f"{name} was altered or truncated"
    return None


def read(folder: Path) -> Snapshot:
    """The snapshot in a checkpoint folder, which is taken to be whole."""
    tensors = {path.stem: load_file(path) for path in sorted(folder.glob("*.safetensors"))}
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


def _flush(folder: Path) -> None:
    """Force the bytes to disk before the rename makes them official."""
    for path in _files(folder):
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
