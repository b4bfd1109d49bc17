"""What a run says when its device is too small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from genrl.errors import TrainingError


@contextmanager
def enough_memory(where: str, cure: str) -> Iterator[None]:
    """TrainingError with the cure instead of torch.OutOfMemoryError. Work without gradient halves its batches before that."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(f"The device ran out of memory {where}. Go on with {cure}.") from error


def in_learning(rows: int) -> tuple[str, str]:
    """Where and cure of a forward-backward of so many rows, whose graph is needed as a whole."""
    smaller = f"--set train.rows={rows // 2}, or with " if rows > 1 else ""
    cure = f"{smaller}--set model.gradient_checkpointing=true; numbers change by rounding alone"
    return f"in learning, with {rows} rows in one forward-backward", cure


#: Where and cure of what a rollout keeps beside the network's own work.
IN_ROLLOUT = "in the rollout", "a lower train.rollout_prompts; numbers change by rounding alone"
