"""The embedded model `scenes` and what belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SCENES = "scenes"
#: Its own reward and prompts, and how its pipeline wants to be called: it was trained without guidance, at one size.
WORLD: dict[str, Any] = {
    "model": {"call": {"guidance_scale": 1.0, "use_resolution_binning": False}},
    "rewards": {SCENES: 1.0},
    "prompts": {"source": SCENES},
}


def model_folder(path: str) -> str:
    """Where the weights of `model.path` are: the shipped folder for `scenes`, else what was given."""
    if path != SCENES:
        return path
    from genrl.scenes.folder import MODEL_FOLDER

    return str(Path(MODEL_FOLDER))


def writer_folder(path: str) -> str:
    """Where the weights of `writer.path` are: the shipped folder for `scenes`, else what was given."""
    if path != SCENES:
        return path
    from genrl.scenes.writer import WRITER_FOLDER

    return str(Path(WRITER_FOLDER))
