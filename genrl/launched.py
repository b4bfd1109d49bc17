"""Whether a launcher (torchrun, accelerate) has started this process beside others, by the variables that it sets."""

from __future__ import annotations

import os

#: Engines that take the optimizer, or the network, into their own hands: the name for accelerate, and why it is refused.
FOREIGN = {
    "DEEPSPEED": "DeepSpeed takes the optimizer step inside a backward pass, and here several make one update, which is "
    "skipped if it is not finite",
    "MEGATRON_LM": "Megatron-LM replaces the network by one of its own",
    "XLA": "XLA runs a program when it is over, and genrl reads numbers on the way",
}


def alone() -> bool:
    """Whether no launcher has started this process. (Clusters set the other variables in every container.)"""
    return "LOCAL_RANK" not in os.environ


def count() -> int:
    """How many processes the launcher has started in all."""
    return 1 if alone() else int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """The number of this process; 0 is the one that writes and talks."""
    return 0 if alone() else int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """Its number on this machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))
