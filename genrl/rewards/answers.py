"""What a reward answered, checked and as numbers. A failure is never turned into a 0."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genrl.errors import RewardError
from genrl.rewards.evidence import Evidence
from genrl.rewards.failed import Failed

#: A value may lie outside declared bounds by this fraction of the bound (or of 1), which is rounding.
ROUNDING = 1e-6


def numbers(answer: Any, rows: Evidence, name: str, bounds: tuple[float, float] | None = None) -> tuple[Tensor, dict[int, str]]:
    """A reward's answer as (B,) float64 on the CPU, NaN where it said None or Failed; and the reasons of the failed rows.

    answer: list, tuple, array or tensor of B numbers. Raises RewardError naming the reward, the row, its prompt and its
    picture for anything else, and for a number outside `bounds`.
    """
    if isinstance(answer, (Tensor, np.ndarray)):
        answer = answer.tolist()
    count = len(rows.texts)
    if not isinstance(answer, (list, tuple)):
        raise RewardError(f"Reward {name!r} answered with {type(answer).__name__}; it must return a list of {count} numbers.")
    if len(answer) != count:
        first = rows.of(min(len(answer), count - 1), name)
        place = f"none for {first}" if len(answer) < count else f"the last of which is {first}"
        raise RewardError(
            f"Reward {name!r} answered {len(answer)} numbers for {count} pictures, {place}; "
            "it must return one a picture, in their order."
        )
    failures = {row: value.reason for row, value in enumerate(answer) if isinstance(value, Failed)}
    values = [math.nan if row in failures else _number(value, row, rows, name) for row, value in enumerate(answer)]
    if bounds is not None:
        _check_bounds(values, bounds, rows, name)
    return torch.tensor(values, dtype=torch.float64), failures


def _number(value: Any, row: int, rows: Evidence, name: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, (Tensor, np.generic)) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, Real):
        raise RewardError(
            f"Reward {name!r} answered {value!r} ({type(value).__name__}) for {rows.of(row, name)}; return a number or None."
        )
    if not math.isfinite(value):
        raise RewardError(
            f"Reward {name!r} answered {float(value)} for {rows.of(row, name)}; "
            "return None where the reward does not apply, Failed(reason) where it has no score, else a finite number."
        )
    return float(value)


def _check_bounds(values: list[float], bounds: tuple[float, float], rows: Evidence, name: str) -> None:
    low, high = (bound + sign * ROUNDING * max(1.0, abs(bound)) for bound, sign in zip(bounds, (-1, 1), strict=True))
    for row, value in enumerate(values):
        if value < low or value > high:
            raise RewardError(
                f"Reward {name!r} answered {value} for {rows.of(row, name)}, outside its declared bounds "
                f"[{bounds[0]:g}, {bounds[1]:g}]; mend the reward, or what it declares."
            )
