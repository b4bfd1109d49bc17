"""A pipeline's own run, recorded at its scheduler: what the adapter has to reproduce."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from genrl.errors import ModelError
from genrl.models.media import output_type_of, to_tensor


@dataclass(frozen=True)
class OwnStep:
    """What went into one step of the scheduler, and what came out of it."""

    output: Tensor
    timestep: Any
    latents: Tensor
    rest: tuple[Any, ...]
    arguments: Mapping[str, Any]
    answer: Tensor


@dataclass
class OwnRun:
    """scheduler: a copy from before the first step. media: (1, 3, H, W) or (1, F, 3, H, W), made of the last answer."""

    steps: list[OwnStep] = field(default_factory=list)
    scheduler: Any = None
    media: Tensor | None = None


def own_run(pipe: Any, scheduler: Any, call: Mapping[str, Any], text: str, steps: int) -> OwnRun:
    """One picture or video by the pipeline alone with that scheduler, from seed 0. The pipeline stays as it was."""
    negatives = {key: [value] for key, value in call.items() if key.startswith("negative_prompt") and value is not None}
    with _recorded(pipe, scheduler) as run, torch.no_grad():
        media = pipe(
            prompt=[text],
            num_inference_steps=steps,
            generator=torch.Generator().manual_seed(0),
            output_type=output_type_of(pipe),
            return_dict=False,
            **(dict(call) | negatives),
        )[0]
    if not run.steps:
        raise ModelError("The pipeline ends without a step of its scheduler, so there is nothing to compare with.")
    run.media = to_tensor(media, run.steps[-1].answer.device)
    return run


@contextmanager
def _recorded(pipe: Any, scheduler: Any) -> Iterator[OwnRun]:
    """Inside, the pipeline has that scheduler, which writes its steps down."""
    before, run, own = pipe.scheduler, OwnRun(), scheduler.step

    @wraps(own)  # with its signature, which pipelines look at
    def step(model_output: Tensor, timestep: Any, sample: Tensor, *rest: Any, **arguments: Any) -> Any:
        if run.scheduler is None:
            run.scheduler = copy.deepcopy(scheduler)
            del run.scheduler.step
        given = model_output.clone(), timestep, sample.clone()  # some pipelines write into their latents
        answer = own(model_output, timestep, sample, *rest, **arguments)
        run.steps.append(OwnStep(*given, rest, arguments, answer[0].clone()))
        return answer

    scheduler.step, pipe.scheduler = step, scheduler
    try:
        yield run
    finally:
        pipe.scheduler = before
        del scheduler.step
