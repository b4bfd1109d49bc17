"""`--accelerate-config`: configurations of accelerate's launcher, and how a command starts itself in several processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from genrl import launched
from genrl.errors import ConfigError
from genrl.registry import suggestion

SHIPPED = Path(__file__).parent.parent / "presets" / "accelerate"
#: A name that others ship, and the engine behind it.
KNOWN = {"deepspeed-zero2": "DEEPSPEED", "deepspeed-zero3": "DEEPSPEED"}
INSTEAD = "Use --accelerate-config fsdp2, which keeps optimizer state and gradients in parts as well, or ddp."


@dataclass(frozen=True)
class Launch:
    """A configuration of accelerate's launcher, and how many processes it starts in all."""

    path: Path
    settings: Mapping[str, Any]
    processes: int

    def adopt(self) -> None:
        """Set for this process what accelerate's launcher would set, for processes that another launcher has started."""
        if self.settings.get("mixed_precision"):
            os.environ["ACCELERATE_MIXED_PRECISION"] = str(self.settings["mixed_precision"])
        if self.settings["distributed_type"] == "FSDP":
            os.environ["ACCELERATE_USE_FSDP"] = "true"
            for key, value in self.settings.get("fsdp_config", {}).items():
                os.environ[f"FSDP_{key.removeprefix('fsdp_').upper()}"] = str(value)

    def start(self) -> NoReturn:
        """Become accelerate's launcher, which starts this same command in each process."""
        launcher = ["-m", "accelerate.commands.launch", "--config_file", str(self.path)]
        command = [sys.executable, *launcher, "--num_processes", str(self.processes), "-m", "genrl", *sys.argv[1:]]
        os.execv(sys.executable, command)


def read_launch(name: str) -> Launch:
    """The configuration of that name or in that file; ConfigError if it cannot train."""
    from genrl.config.text import read_mapping

    shipped = {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}
    if name in KNOWN:
        raise ConfigError(f"{name} is not supported: {launched.FOREIGN[KNOWN[name]]}. {INSTEAD}")
    path = shipped.get(name, Path(name))
    if not path.is_file():
        raise ConfigError(
            f"There is no configuration {name!r} of accelerate's launcher, and no such file{suggestion(name, shipped)}"
        )
    settings = read_mapping(path)
    kind = str(settings.get("distributed_type", "NO"))
    if kind in launched.FOREIGN:
        raise ConfigError(f"{path} cannot be used: {launched.FOREIGN[kind]}. {INSTEAD}")
    return Launch(
        path, {**settings, "distributed_type": kind}, launched.count() if not launched.alone() else _asked(name, settings)
    )


def _asked(name: str, settings: Mapping[str, Any]) -> int:
    """Processes to start: those that are named, else one for each GPU."""
    import torch

    count = int(settings.get("num_processes") or torch.cuda.device_count())
    if count < 1:
        raise ConfigError(
            f"{name} starts a process for each GPU, and torch sees none. Processes on the CPU are started by torchrun: "
            f"torchrun --nproc-per-node 2 -m genrl train --device cpu --accelerate-config {name} ..."
        )
    return count
