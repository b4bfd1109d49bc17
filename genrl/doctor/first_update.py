"""The first update of a run, whose ratio has to be 1: the weights that learn still are those that sampled."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from genrl.doctor.precision import LOG_RATIO
from genrl.metering import Meter
from genrl.policy import WeightedPolicy
from genrl.protocols import Algorithm, Policy
from genrl.types import Condition, Unit

#: The metric that a surrogate writes; methods without a ratio do not.
LOG_RATIO_METRIC = "log_ratio_abs_max"
#: The check of the conformance suite for which a recipe declares an exception if it starts away from 1 by design.
EXCEPTION = "ratio-is-one-at-unchanged-weights"


@dataclass(frozen=True)
class FirstUpdate:
    """Compares the first update with what its formula gives for the velocities that the rollout stored.

    dtype: in which the networks multiply; it sets what is allowed.
    suspects: settings that are on and may part learning from the rollout, for the warning.
    declared: whether the recipe starts away from ratio 1 by design.
    """

    dtype: torch.dtype
    suspects: Sequence[str] = ()
    declared: bool = False
    warn: Callable[[str], None] = warnings.warn

    def __call__(self, algorithm: Algorithm, policy: WeightedPolicy, units: Sequence[Unit], meter: Meter) -> None:
        """Warn if the ratio is not 1; no network is asked. To be called before the first optimizer step."""
        measured = meter.peek(LOG_RATIO_METRIC)
        if measured is None:
            return
        allowed, formula = LOG_RATIO[self.dtype], self._by_formula(algorithm, policy, units)
        if formula > allowed and not self.declared:
            self.warn(
                f"Before any update the largest |log ratio| is {formula:.3g}, by the recipe's formula alone: learning steps "
                "otherwise than the rollout did. Set surrogate.old_reference=train-solver, or train_solver=null."
            )
        # Not `measured - formula > ...`, which lets NaN pass.
        if not measured - formula <= allowed * max(1.0, formula):
            suspects = f": {', '.join(self.suspects)}" if self.suspects else ""
            self.warn(
                f"Before any update the largest |log ratio| is {measured:.3g}, where {formula:.3g} is exact and {allowed:g} "
                f"more is rounding in {str(self.dtype).removeprefix('torch.')}: the network answers otherwise in learning than "
                f"it did in the rollout, and terms are clipped for no reason. Look at what tells them apart{suspects}."
            )

    def _by_formula(self, algorithm: Algorithm, policy: WeightedPolicy, units: Sequence[Unit]) -> float:
        """The largest |log ratio| if the network answered exactly as in the rollout."""
        with torch.no_grad():
            found = [algorithm.loss(cast(Policy, _Stored(policy, unit)), unit)[1][LOG_RATIO_METRIC] for unit in units]
        return float(torch.stack(found).max())


class _Stored:
    """A policy that answers a unit with the velocities which its rollout stored."""

    def __init__(self, policy: WeightedPolicy, unit: Unit) -> None:
        self._policy, self._unit = policy, unit

    @property
    def device(self) -> torch.device:
        return self._policy.device

    def latent_shape(self) -> tuple[int, ...]:
        return self._policy.latent_shape()

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition, *, recompute: bool = False) -> Tensor:
        kept = [(group.kept[self._unit.step], members) for group, members in self._unit.parts]
        return torch.cat([part.velocity[part.row_of(members)] for part, members in kept if part.velocity is not None])

    @contextmanager
    def using(self, weights: str) -> Iterator[None]:
        yield

    @contextmanager
    def solve(self, condition: Condition, sigmas: tuple[float, ...]) -> Iterator[Callable[[Tensor, float], Tensor]]:
        yield lambda x, sigma: self.velocity(x, sigma, condition)
