"""A pipeline that stays open from step to step, so that what it does before its loop is done once for a whole walk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from contextvars import copy_context

import torch
from greenlet import greenlet
from torch import Tensor

from genrl.errors import ModelError
from genrl.models.batches import Batches
from genrl.models.conversion import Flow
from genrl.models.driver import UNASKED, Driver, check_velocity
from genrl.models.scheduler_proxy import Moment
from genrl.protocols import Velocity


class Unsteady(Exception):
    """A pipeline that answers otherwise when it stays open than when it is run for one step."""


class OpenRun:
    """One run of a pipeline, held at its scheduler's `step`: the velocity goes out there and the next latents come in.

    The run has a stack of its own (a greenlet) but no thread of its own, so gradient mode, autocast and the device's stream
    are the caller's at each step.
    """

    def __init__(self, driver: Driver, texts: tuple[str, ...], moments: Sequence[Moment]) -> None:
        self._driver, self._texts, self._moment = driver, texts, Moment.join(moments)
        self._dtype = driver.start().latents.dtype
        self._pipeline = greenlet(self._run)
        # A greenlet begins with an empty context, and torch keeps settings in the context.
        self._pipeline.gr_context = copy_context()

    def velocity(self, x: Tensor) -> Tensor:
        """The velocity (B, *L) at `x` (B, *L) and the next of the moments."""
        self._driver.scheduler.expose(self._moment, reply=self._hand_out)
        velocity = self._pipeline.switch(x)
        if self._pipeline.dead:
            raise ModelError(UNASKED)
        return check_velocity(velocity, x)

    def close(self) -> None:
        """Leave the pipeline where it stands."""
        if not self._pipeline.dead:
            self._pipeline.throw()

    def _run(self, x: Tensor) -> None:
        self._driver.run(self._texts, x, self._moment, self._hand_out)

    def _hand_out(self, velocity: Tensor) -> Tensor:
        x = self._pipeline.parent.switch(velocity)
        # A copy, because some pipelines write into their latents.
        return x.to(self._dtype, copy=True)


class Session:
    """A `Velocity` for one walk: open runs answer as long as they are asked down `sigmas`, without gradient.

    Every other question (another sigma, as in Heun's second, or one with gradient) goes to `alone`, fresh runs that answer
    the same. So does all that follows when a run proves unsteady, or when the device ran out of memory: `alone` knows how to
    split the batch further.
    """

    def __init__(
        self, runs: Sequence[OpenRun], batches: Batches, conversion: Flow, sigmas: Sequence[float], alone: Velocity
    ) -> None:
        self._runs, self._batches, self._conversion = runs, batches, conversion
        self._left, self._alone = list(sigmas), alone

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        if torch.is_grad_enabled() or self._left[:1] != [sigma]:
            return self._alone(x, sigma)
        self._left.pop(0)
        with suppress(torch.OutOfMemoryError, Unsteady):
            parts = [self._conversion.inward(part, sigma) for part in self._batches.split(x)]
            outputs = [run.velocity(part) for run, part in zip(self._runs, parts, strict=True)]
            answers = [self._conversion.outward(*pair, sigma) for pair in zip(outputs, parts, strict=True)]
            return self._batches.join(answers).float()
        # Out here, because inside an `except` the tensors of the failed step would still be held.
        self.close()
        return self._alone(x, sigma)

    def close(self) -> None:
        self._left.clear()
        for run in self._runs:
            run.close()
