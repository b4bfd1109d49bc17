"""Presets: run settings tuned for one model, shipped as YAML. Recipes keep the papers' constants.

A preset file has the key `all` for every algorithm and one key for each algorithm that needs more.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genrl.config.text import read_mapping
from genrl.errors import ConfigError
from genrl.registry import suggestion

FOLDER = Path(__file__).parent.parent / "presets"
NO_PRESET = "none"


def preset_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_preset(name: str, algorithm: str) -> list[Mapping[str, Any]]:
    """The parts of a preset that apply to an algorithm, the more special one last."""
    if name == NO_PRESET:
        return []
    if name not in preset_names():
        raise ConfigError(f"There is no preset named {name!r}{suggestion(name, [*preset_names(), NO_PRESET])}")
    parts = read_mapping(FOLDER / f"{name}.yaml")
    return [parts[key] for key in ("all", algorithm) if parts.get(key)]
