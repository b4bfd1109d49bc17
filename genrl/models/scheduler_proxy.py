"""The scheduler that a driven pipeline sees: its own grid, but no step of its own."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, NoReturn

from torch import Tensor

from genrl.errors import ModelError


@dataclass(frozen=True)
class Moment:
    """The one instant at which a pipeline asks its network: timesteps (1,) on the device, sigmas (2,) on the CPU."""

    timesteps: Tensor
    sigmas: Tensor


class Answered(BaseException):
    """Unwinds the pipeline once its velocity is known; no `except Exception` of a pipeline may swallow it."""

    def __init__(self, velocity: Tensor) -> None:
        self.velocity = velocity


class SchedulerProxy:
    """Everything is the pipeline's own scheduler, except `timesteps` and `step`.

    With a moment, the pipeline sees that single timestep and leaves through `Answered` when it hands in the velocity,
    before any decoding. Without one it sees no timestep, so that its loop is skipped and its network is not asked. Its
    grid is built only when asked for.
    """

    _own = frozenset({"_scheduler", "_moment", "_grid", "set_timesteps"})

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._moment: Moment | None = None
        self._grid = False

        def set_timesteps(*args: Any, **kwargs: Any) -> None:
            if self._grid:
                scheduler.set_timesteps(*args, **kwargs)

        # `retrieve_timesteps` of the pipelines looks for `sigmas` among the parameters.
        set_timesteps.__signature__ = inspect.signature(scheduler.set_timesteps)  # type: ignore[attr-defined]
        self.set_timesteps = set_timesteps

    def expose(self, moment: Moment | None, grid: bool) -> None:
        """What the next call of the pipeline sees; with `grid`, its `set_timesteps` reaches its own scheduler."""
        self._moment, self._grid = moment, grid

    @property
    def timesteps(self) -> Tensor:
        return self._scheduler.timesteps[:0] if self._moment is None else self._moment.timesteps

    @property
    def sigmas(self) -> Tensor:
        return self._scheduler.sigmas if self._moment is None else self._moment.sigmas

    # The signature leaves out `generator` and `eta`, so pipelines that look for them do not pass them.
    def step(self, model_output: Tensor, timestep: Any, sample: Tensor, return_dict: bool = True) -> NoReturn:
        raise Answered(model_output)

    def __deepcopy__(self, memo: dict) -> NoReturn:
        raise ModelError(
            "This pipeline copies its scheduler, that is, it denoises several things at once (such as video and sound), "
            "which one velocity cannot stand for; choose a pipeline that makes pictures or silent video only."
        )

    def __len__(self) -> int:
        return len(self._scheduler)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._own:
            object.__setattr__(self, name, value)
        else:
            setattr(self._scheduler, name, value)
