"""The memory of a multistep solver, in the one form in which solvers hand it to each other."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class History(NamedTuple):
    """The clean estimate `x0` (B, *L) of the step before, and the `sigma` at which it was made.

    `x0` keeps its graph, so a chain of steps made with gradients is differentiated exactly; a rollout runs without
    gradients and a replay gets its history from storage, so neither holds a graph through it.
    """

    x0: Tensor
    sigma: float
