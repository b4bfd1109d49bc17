"""A Gaussian flow with everything in closed form, and the two ways to walk down it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from genrl.protocols import Solver
from genrl.testing.toy import GaussianFlow
from genrl.types import Step


def solve(solver: Solver, velocity: Any, x: Tensor, sigmas: Sequence[float], carry: Any = None) -> Tensor:
    """The deterministic trajectory's end, from x at sigmas[0]."""
    for s, t in pairwise(sigmas):
        step = solver.step(velocity, x, s, t, carry, stochastic=False)
        x, carry = step.mean, step.carry
    return x


def moments(solver: Solver, toy: GaussianFlow, sigmas: Sequence[float]) -> tuple[list[float], list[float]]:
    """Exact mean and variance of the stochastic trajectory at every point of the grid, from N(0, 1).

    The toy's velocity is affine in x, hence so is the step of a solver without memory: x -> A x + b + std * noise.
    """
    means, variances = [0.0], [1.0]
    probe = torch.tensor([0.0, 1.0], dtype=torch.float64)
    for s, t in pairwise(sigmas):
        step = solver.step(toy.velocity, probe, s, t, None, stochastic=True)
        b, a = step.mean[0].item(), (step.mean[1] - step.mean[0]).item()
        means.append(a * means[-1] + b)
        variances.append(a * a * variances[-1] + step.std**2)
    return means, variances


def uniform(start: float, end: float, steps: int) -> tuple[float, ...]:
    """steps + 1 points at even distances, both ends exact."""
    return (*(start + (end - start) * k / steps for k in range(steps)), end)


def curved(x: Tensor, sigma: float) -> Tensor:
    """A velocity that is nonlinear in x and curved in sigma; elementwise, so rows do not depend on their batch."""
    return x * (0.5 + sigma) - torch.tanh(x) * (1.0 - 0.3 * sigma)


def walk(solver: Solver, x: Tensor, sigmas: Sequence[float], stochastic: Sequence[bool]) -> list[tuple[Tensor, Any, Step]]:
    """One rollout of `curved`: (state, carry that went in, step that came out) at each step."""
    rng, carry, seen = torch.Generator().manual_seed(0), None, []
    for k, noisy in enumerate(stochastic):
        step = solver.step(curved, x, sigmas[k], sigmas[k + 1], carry, noisy)
        seen.append((x, carry, step))
        x, carry = step.mean + step.std * torch.randn(x.shape, generator=rng, dtype=x.dtype), step.carry
    return seen
