"""Files and folders that are whole or not there, at whatever moment a process or its machine ends."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: How the name of a folder begins that is being written or removed; a killed process may leave one.
DRAFT = ".draft-"


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step."""
    draft = path.with_name(f"{DRAFT}{path.name}")
    draft.write_text(text, encoding="utf-8")
    sync(draft)
    draft.replace(path)
    sync(path.parent)


@contextmanager
def whole_folder(final: Path) -> Iterator[Path]:
    """A draft of a folder, which takes its place and name when the block ends; nothing is left of it if the block raises."""
    draft = final.with_name(f"{DRAFT}{final.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
        # What a name stands for has to be on disk before the name is.
        for path in sorted(draft.rglob("*")):
            sync(path)
        sync(draft)
        if final.exists():
            remove_folder(final)
        draft.rename(final)
        sync(final.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def remove_folder(folder: Path) -> None:
    """Remove a folder without ever leaving a part of it under its name."""
    doomed = folder.with_name(f"{DRAFT}removed-{folder.name}")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    shutil.rmtree(doomed)


def sweep(parent: Path) -> None:
    """Remove the drafts of folders that a killed process has left in `parent`."""
    for draft in parent.glob(f"{DRAFT}*"):
        shutil.rmtree(draft)


def sync(path: Path) -> None:
    """Force a file's bytes, or the names in a folder, to disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
