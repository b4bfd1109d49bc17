"""The scheduler that a driven pipeline sees: its own grid, but no step of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from diffusers.schedulers.scheduling_utils import SchedulerOutput
from torch import Tensor

from genrl.errors import ModelError


@dataclass(frozen=True)
class Moment:
    """When a pipeline asks its network: at one instant, or at T in a row. Timesteps (T,) on the device, sigmas (T+1,) on the
    CPU."""

    timesteps: Tensor
    sigmas: Tensor

    @staticmethod
    def join(moments: Sequence[Moment]) -> Moment:
        """Instants in a row."""
        sigmas = [moment.sigmas[:1] for moment in moments]
        return Moment(torch.cat([moment.timesteps for moment in moments]), torch.cat([*sigmas, moments[-1].sigmas[1:]]))


class Answered(BaseException):
    """Unwinds the pipeline once its velocity is known; no `except Exception` of a pipeline may swallow it."""

    def __init__(self, velocity: Tensor) -> None:
        self.velocity = velocity


#: What becomes of a velocity (B, *L): the latents (B, *L) with which the pipeline goes on, or an exception that leaves it.
Reply = Callable[[Tensor], Tensor]


def leave(velocity: Tensor) -> NoReturn:
    raise Answered(velocity)


class SchedulerProxy:
    """Everything is the pipeline's own scheduler, except `timesteps` and `step`.

    With a moment, the pipeline sees its timesteps; each velocity goes to `reply`, which by default leaves through `Answered`
    before any decoding. Without one it sees no timestep, so that its loop is skipped and its network is not asked. Its
    grid is built only when asked for.
    """

    _own = frozenset({"_scheduler", "_moment", "_grid", "_reply", "set_timesteps"})

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._moment: Moment | None = None
        self._grid = False
        self._reply: Reply = leave

        def set_timesteps(*args: Any, **kwargs: Any) -> None:
            if self._grid:
                scheduler.set_timesteps(*args, **kwargs)

        # `retrieve_timesteps` of the pipelines looks for `sigmas` among the parameters.
        set_timesteps.__signature__ = inspect.signature(scheduler.set_timesteps)  # type: ignore[attr-defined]
        self.set_timesteps = set_timesteps

    def expose(self, moment: Moment | None, grid: bool = False, reply: Reply = leave) -> None:
        """What the pipeline sees from here on; with `grid`, its `set_timesteps` reaches its own scheduler."""
        self._moment, self._grid, self._reply = moment, grid, reply

    # Pipelines ask of which class their scheduler is.
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._scheduler)

    @property
    def timesteps(self) -> Tensor:
        return torch.zeros(0) if self._moment is None else self._moment.timesteps

    @property
    def sigmas(self) -> Tensor:
        return self._scheduler.sigmas if self._moment is None else self._moment.sigmas

    # Latents come at the scale of the network, whatever the scheduler's own is.
    init_noise_sigma = 1.0

    def scale_model_input(self, sample: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return sample

    # The signature leaves out `generator` and `eta`, so pipelines that look for them do not pass them.
    def step(self, model_output: Tensor, timestep: Any, sample: Tensor, return_dict: bool = True) -> Any:
        latents = self._reply(model_output)
        return SchedulerOutput(latents) if return_dict else (latents,)

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
