"""Text encodings on disk: for more prompts than the memory holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor


class StoredRows(MutableMapping[str, tuple[Any, ...]]):
    """Texts to encodings (tuples of tensors, lists of tensors, numbers and None), one safetensors file each.

    The files lie in a new folder below `parent` and are deleted with this object, so they never outlive the encoder that
    made them.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._folder = TemporaryDirectory(prefix="encodings-", dir=parent)
        self._texts: dict[str, Path] = {}

    def __setitem__(self, text: str, row: tuple[Any, ...]) -> None:
        tensors: dict[str, Tensor] = {}
        layout = json.dumps([_laid_out(leaf, tensors) for leaf in row])
        path = Path(self._folder.name) / f"{hashlib.sha256(text.encode()).hexdigest()}.safetensors"
        save_file(tensors, path, metadata={"layout": layout})
        self._texts[text] = path

    def __getitem__(self, text: str) -> tuple[Any, ...]:
        with safe_open(self._texts[text], framework="pt") as file:
            layout = json.loads(file.metadata()["layout"])
            return tuple(_restored(part, file) for part in layout)

    def __delitem__(self, text: str) -> None:
        self._texts.pop(text).unlink()

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def _laid_out(leaf: Any, tensors: dict[str, Tensor]) -> Any:
    """The leaf as JSON, its tensors replaced by their names in `tensors`."""
    if isinstance(leaf, Tensor):
        name = str(len(tensors))
        # Encoders may answer with views of one tensor, which safetensors refuses.
        tensors[name] = leaf.clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    return [_laid_out(entry, tensors) for entry in leaf] if isinstance(leaf, list) else leaf


def _restored(part: Any, file: Any) -> Any:
    if isinstance(part, dict):
        return file.get_tensor(part["tensor"])
    return [_restored(entry, file) for entry in part] if isinstance(part, list) else part
