"""Where rows come from: a registered source, a file, a directory or the hub, all of them as `datasets`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from genrl.errors import PromptError
from genrl.registry import entries, suggestion

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

BUILDERS = {".txt": "text", ".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
#: Splits that are never trained on, in order of preference.
HELDOUT_SPLITS = ("heldout", "test", "validation")
_SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "heldout": "heldout",
    "test": "test",
    "eval": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}


def load_rows(source: str, split: str, streaming: bool, revision: str | None) -> Dataset | IterableDataset:
    """The rows of one split of a source. Lazy import: `datasets` takes most of a second."""
    import datasets

    tables = entries("prompts")
    if source in tables:
        table = datasets.Dataset.from_list(tables[source].target().rows(split))
        return table.to_iterable_dataset() if streaming else table
    if is_local(source):
        builder, files = local_files(Path(source).expanduser())
        return datasets.load_dataset(builder, data_files=files, split=split, streaming=streaming)
    return datasets.load_dataset(source, split=split, streaming=streaming, revision=revision)


def split_names(source: str, revision: str | None) -> list[str]:
    """The splits of a source; one file is one split, "train"."""
    import datasets

    if source in entries("prompts"):
        return ["train", "heldout"]
    if is_local(source):
        return list(local_files(Path(source).expanduser())[1])
    return datasets.get_dataset_split_names(source, revision=revision)


def is_local(source: str) -> bool:
    """Whether a source that is not registered is on this disk; PromptError if it can be no hub id either."""
    path = Path(source).expanduser()
    if path.exists():
        return True
    if path.suffix in BUILDERS or source.startswith((".", "/", "~")):
        raise PromptError(f"There is no file or directory {source!r}; check the path (here: {Path.cwd()}).")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", source):
        raise PromptError(
            f"{source!r} is no file, no directory, no hub id (owner/name) and no registered prompt source"
            f"{suggestion(source, entries('prompts'))}"
        )
    return False


def local_files(path: Path) -> tuple[str, dict[str, list[str]]]:
    """The builder of `datasets` that reads the files at `path`, and the files of each split."""
    if path.is_file() and path.suffix not in BUILDERS:
        raise PromptError(f"{path} is no prompt file; known are {', '.join(BUILDERS)}.")
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file() and f.suffix in BUILDERS)
    if not files:
        raise PromptError(f"The directory {path} holds no prompt file ({', '.join(BUILDERS)}); put one there.")
    builders = sorted({BUILDERS[file.suffix] for file in files})
    if len(builders) > 1:
        raise PromptError(f"The directory {path} mixes {' and '.join(builders)} files; name one file or keep one format.")
    splits: dict[str, list[str]] = {}
    for file in files:
        with file.open("rb") as lines:
            if not any(line.strip() for line in lines):
                raise PromptError(f"{file} is empty; write one prompt a line, or remove it.")
        split = "train" if path.is_file() else _split_of(file.relative_to(path))
        splits.setdefault(split, []).append(str(file))
    return builders[0], splits


def _split_of(file: Path) -> str:
    """The split a file of a directory belongs to: the last split word in its path, else "train"."""
    name = re.sub("held[-_]out", "heldout", str(file.with_suffix("")).lower())
    words = [_SPLIT_WORDS[word] for word in re.split(r"[^a-z]+", name) if word in _SPLIT_WORDS]
    return words[-1] if words else "train"
