"""How equal two answers of a network have to be."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

#: Largest relative error of a velocity that another batch size or another kernel brings. Dropout and the like bring 0.1.
VELOCITY = {torch.float64: 1e-6, torch.float32: 1e-3, torch.float16: 5e-3, torch.bfloat16: 3e-2}
#: Largest log-ratio that such errors bring at unchanged weights: the ratio is then 1 to a thousandth, a hundredth, a twentieth.
LOG_RATIO = {torch.float64: 1e-6, torch.float32: 1e-3, torch.float16: 1e-2, torch.bfloat16: 5e-2}


def precision(networks: Iterable[nn.Module], mixed: str = "no") -> torch.dtype:
    """The coarsest type in which the networks multiply; types that only store weights are widened before."""
    dtypes = {parameter.dtype for network in networks for parameter in network.parameters()} & VELOCITY.keys()
    dtypes |= {"bf16": {torch.bfloat16}, "fp16": {torch.float16}}.get(mixed, set())
    return max(dtypes, key=lambda dtype: VELOCITY[dtype], default=torch.bfloat16)


def error(answer: Tensor, expected: Tensor) -> float:
    """|answer - expected| / |expected|, in float64; NaN if either has one."""
    answer, expected = answer.detach().double(), expected.detach().double()
    return float((answer - expected).norm() / expected.norm().clamp_min(1e-30))
