"""What a reward answered, checked and as numbers. A failure is never turned into a 0."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genrl.errors import RewardError


def numbers(answer: Any, texts: list[str], name: str) -> Tensor:
    """A reward's answer as (B,) float64 on the CPU, NaN where it said None.

    answer: list, tuple, array or tensor of B numbers. Raises RewardError naming the reward, the row and its prompt.
    """
    if isinstance(answer, (Tensor, np.ndarray)):
        answer = answer.tolist()
    if not isinstance(answer, (list, tuple)):
        raise RewardError(
            f"Reward {name!r} answered with {type(answer).__name__}; it must return a list of {len(texts)} numbers."
        )
    if len(answer) != len(texts):
        raise RewardError(
            f"Reward {name!r} answered {len(answer)} numbers for {len(texts)} pictures; "
            "it must return one a picture, in their order."
        )
    values = [_number(value, row, texts[row], name) for row, value in enumerate(answer)]
    return torch.tensor(values, dtype=torch.float64)


def _number(value: Any, row: int, text: str, name: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, (Tensor, np.generic)) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, Real):
        raise RewardError(
            f"Reward {name!r} answered {value!r} ({type(value).__name__}) for {_where(row, text)}; return a number or None."
        )
    if not math.isfinite(value):
        raise RewardError(
            f"Reward {name!r} answered {float(value)} for {_where(row, text)}; "
            "return None where the reward does not apply, and a finite number elsewhere."
        )
    return float(value)


def _where(row: int, text: str) -> str:
    return f"row {row} (prompt {text!r})"
