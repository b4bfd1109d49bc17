"""What a trained prompt writer leaves on disk: a folder of transformers or peft, and beside its weights how it is asked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from genrl.config.world import writer_folder
from genrl.errors import RunFolderError

#: In the folder of a run: the finished writer. In the folder of a writer: how it is asked.
WRITER, RECORD = "writer", "prompter.json"
#: In the folder of a run: the writer that it began with, asked as the finished one is.
UNTRAINED = "untrained"
#: What the configuration of such a run calls its method, at its beginning.
ALGORITHM = "trl-grpo"
#: How peft calls the configuration of an adapter.
ADAPTER = "adapter_config.json"


@dataclass(frozen=True)
class Record:
    """template: with the request's place in it. max_new_tokens: the longest prompt that it was trained to write.

    weights: the folder or hub id of the weights, where they do not lie beside the record.
    """

    template: str
    max_new_tokens: int
    weights: str = ""

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RECORD).write_text(json.dumps(asdict(self), indent=1))


def read_record(folder: Path) -> Record | None:
    """None where a folder has no record, as one that genrl did not train."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        return Record(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise RunFolderError(f"{path} is damaged ({error}); restore it, or delete it and set writer.template.") from None


def is_finished(folder: Path) -> bool:
    """Whether a run of `train-prompter` has been finished there."""
    return (folder / WRITER).is_dir()


def is_writer(folder: Path) -> bool:
    """Whether a folder is a run of `train-prompter`, finished or not, or a writer that such a run has left."""
    config = folder / "config.yaml"
    return (folder / RECORD).is_file() or (config.is_file() and f"name: {ALGORITHM}}}" in config.read_text("utf-8"))


def record_of(path: str) -> Record | None:
    """What is known of how a writer is asked; `path` as in `WriterSettings`."""
    return read_record(_place(_local(path)))


def weights_of(path: str) -> str:
    """Where the weights of a writer are: of a finished run its `writer`, of a local folder its full path, else the hub id."""
    folder = _local(path)
    if not folder.is_dir():
        return path
    record = record_of(path)
    if record and record.weights:
        return weights_of(record.weights)
    # An adapter remembers its base by path, and is read from other working directories as well.
    return str(_place(folder).resolve())


def _local(path: str) -> Path:
    """`scenes` is the shipped writer of the embedded world."""
    return Path(writer_folder(path)).expanduser()


def _place(folder: Path) -> Path:
    return folder / WRITER if is_finished(folder) else folder
