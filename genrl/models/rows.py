"""How many rows go through at once: found out by what the device holds."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from genrl.errors import ModelError


class Rows:
    """The largest number of rows at once without gradient, halved for good whenever the device runs out of memory.

    setting: the name under which the user sets it. `most` 0 or None is no limit as long as everything fits.
    """

    def __init__(self, most: int | None, setting: str) -> None:
        self.most, self._setting = most or None, setting

    def attempt(self, work: Callable[[int | None], Tensor], count: int) -> Tensor:
        """`work` on `count` rows, told how many to take at once; again with half as many after an OutOfMemoryError.

        With gradient all rows are taken: their graphs are kept, so parts would need as much. `train.rows` is their limit.
        """
        if torch.is_grad_enabled():
            return work(None)
        while True:
            try:
                return work(self.most)
            except torch.OutOfMemoryError as error:
                self._halve(min(self.most or count, count), error)

    def _halve(self, rows: int, error: torch.OutOfMemoryError) -> None:
        if rows == 1:
            raise ModelError(
                "The device runs out of memory with a single row; set model.offload=true, or a smaller height, width or "
                "num_frames in model.call."
            ) from error
        self.most = rows // 2
        warnings.warn(
            f"The device ran out of memory with {rows} rows at once, so {self.most} are taken from here on; "
            f"model.{self._setting}={self.most} begins there.",
            stacklevel=4,
        )
