"""Whether a launcher (torchrun, accelerate) has started this process beside others, by the variables that it sets."""

from __future__ import annotations

import os


def count() -> int:
    """How many processes the launcher has started in all."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The number of this process; 0 is the one that writes and talks."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """Its number on this machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))
