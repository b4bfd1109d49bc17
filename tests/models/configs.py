"""Pipeline folders without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def write_configs(pipe: Any, folder: Path) -> Path:
    """What `save_pretrained` writes, but for the weights."""
    pipe.save_config(folder)
    for name, component in pipe.components.items():
        if isinstance(component, torch.nn.Module):
            save = component.save_config if hasattr(component, "save_config") else component.config.save_pretrained
            save(folder / name)
        elif component is not None:
            component.save_pretrained(folder / name)
    return folder
