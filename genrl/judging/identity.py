"""Which base model it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from genrl.config import model_folder
from genrl.prompter.folder import weights_of
from genrl.settings import ModelSettings, PromptSettings


def base_version(settings: ModelSettings) -> str:
    """Of a hub id the commit that was loaded, of a folder the sha256 of its weights; "" of a hub id that never was."""
    folder = Path(model_folder(settings.path)).expanduser()
    if not folder.is_dir():
        index = try_to_load_from_cache(settings.path, "model_index.json", revision=settings.revision)
        return f"commit {Path(index).parent.name}" if isinstance(index, str) else ""
    return _digest(folder)


def writer_version(prompts: PromptSettings) -> dict[str, str]:
    """What a card says of the writer that rewrote its prompts: where it is, and the sha256 of its weights in a folder."""
    if not prompts.prompter:
        return {}
    folder = Path(weights_of(prompts.prompter))
    return {"prompter": prompts.prompter, "prompter_version": _digest(folder) if folder.is_dir() else ""}


def _digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        with path.open("rb") as file:
            total.update(path.relative_to(folder).as_posix().encode())
            total.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256 {total.hexdigest()}"
