"""The gradient's signal-to-noise: the mean cosine between gradients of independent batches, before any compute is spent.

Near 0 an update is mostly noise: take more prompts per iteration, a reward that varies more inside a group, or another
recipe; a larger learning rate only drifts faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from genrl.trainer import Trainer


@dataclass(frozen=True)
class SignalToNoise:
    """cosines: one for each pair of batches; `mean` is the answer, `error` its standard error over pairs."""

    cosines: tuple[float, ...]
    norm: float

    @property
    def mean(self) -> float:
        return sum(self.cosines) / len(self.cosines)

    @property
    def error(self) -> float:
        return float(torch.tensor(self.cosines).std() / len(self.cosines) ** 0.5) if len(self.cosines) > 1 else 0.0


def measure(trainer: Trainer, batches: int) -> Iterator[Tensor]:
    """The flattened on-policy gradients of `batches` iterations, one at a time; weights are never changed."""
    for k in range(batches):
        yield gradient(trainer, k)


def gradient(trainer: Trainer, k: int) -> Tensor:
    """The gradient (P,) of iteration k, all its updates added up at the current weights."""
    optimization = trainer.optimization
    flat: list[Tensor] = []

    def read() -> tuple[float, bool]:
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in optimization.parameters]
        flat.append(torch.cat([g.flatten().float() for g in grads]).cpu())
        optimization.optimizer.zero_grad(set_to_none=True)
        return 0.0, False

    step, optimization.step = optimization.step, read  # type: ignore[method-assign]
    try:
        trainer.iterate(k)
    finally:
        optimization.step = step  # type: ignore[method-assign]
    return torch.stack(flat).sum(0)


def summarise(gradients: list[Tensor]) -> SignalToNoise:
    unit = [g / g.norm().clamp_min(1e-30) for g in gradients]
    cosines = tuple(float(a @ b) for a, b in combinations(unit, 2))
    return SignalToNoise(cosines, float(torch.stack([g.norm() for g in gradients]).mean()))
