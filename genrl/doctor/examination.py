"""The examination of a model: each question, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from genrl.doctor.adapters import check_adapters
from genrl.doctor.own_scheduler import check_own_scheduler
from genrl.doctor.precision import precision
from genrl.doctor.replay import Replayed, check_replay
from genrl.errors import GenrlError
from genrl.models import DiffusersModel, add_lora
from genrl.models.hollow import UNSEEN, animate
from genrl.models.switches import apply_switches
from genrl.policy import WeightedPolicy
from genrl.settings import ModelSettings

#: Two prompts of different length.
TEXTS = ("a red circle", "two blue squares beside a green triangle on a white table")

OWN = "the pipeline's own scheduler through the adapter ends where the pipeline ends"
REPLAY = "a replayed step is the rollout's"
ADAPTERS = "LoRA gets gradients in every targeted layer"
DRIVEN = "the pipeline can be driven"
UNASKED = "needs the weights; run it without --config-only"


@dataclass(frozen=True)
class Finding:
    """passed: None if the question was not asked; `answer` says why, or what was found."""

    question: str
    passed: bool | None
    answer: str


def examine(model: DiffusersModel, settings: ModelSettings, steps: int) -> Iterator[Finding]:
    """The three equalities, one after the other. The model gets LoRA on the way, as in a run with these settings."""
    dtype = precision(model.networks.values())
    yield asked(OWN, lambda: check_own_scheduler(model, TEXTS[0], steps, dtype))
    attached = asked(ADAPTERS, lambda: adapt(model, settings))
    if not attached.passed:
        yield attached
        return
    policy = WeightedPolicy(model, lora=True)
    yield asked(REPLAY, lambda: _replayed(policy, model, steps, dtype))
    yield asked(ADAPTERS, lambda: check_adapters(model, model.encode(TEXTS[:1])[0], [ends[0] for ends in _both(model, steps)]))


def examine_hollow(model: DiffusersModel, settings: ModelSettings, steps: int) -> Iterator[Finding]:
    """What can be asked of a model on the meta device, which gets LoRA and is animated on the way: no numbers are compared."""
    plain = replace(settings, fp8_base=False, compile=False, attention="")  # they need numbers
    attached = asked(ADAPTERS, lambda: adapt(model, plain))
    if not attached.passed:
        yield attached
        return
    animate(model.pipe)
    try:
        shaped = _velocity_shape(model, steps)
    except UNSEEN as reason:
        yield Finding(DRIVEN, None, f"its numbers decide what it computes ({reason}), as in a mixture of experts; {UNASKED}")
    except Exception as error:
        yield Finding(DRIVEN, False, _sentence(error))
    else:
        yield Finding(DRIVEN, True, shaped)
    yield from (Finding(question, None, UNASKED) for question in (OWN, REPLAY, ADAPTERS))


def adapt(model: DiffusersModel, settings: ModelSettings) -> None:
    """LoRA, and the switches of the networks, as in a run."""
    add_lora(model, settings.lora_rank, settings.lora_alpha, list(settings.lora_targets) or None)
    apply_switches(model.networks, settings)


def asked(question: str, find: Callable[[], Any]) -> Finding:
    """The finding, whatever a pipeline raises: that it cannot be run is an answer as well."""
    try:
        return Finding(question, True, str(find()))
    except Exception as error:
        return Finding(question, False, _sentence(error))


def _sentence(error: Exception) -> str:
    """genrl's own errors are sentences; of others the type says most."""
    return str(error) if isinstance(error, GenrlError) else f"{type(error).__name__}: {error}"


def _velocity_shape(model: DiffusersModel, steps: int) -> str:
    condition, _ = model.encode(TEXTS[:1])
    noise = torch.zeros(1, *model.latent_shape())
    model.velocity(noise, model.sigmas(steps)[0], condition).sum().backward()
    return "a velocity and its gradient have the right shapes"


def _replayed(policy: WeightedPolicy, model: DiffusersModel, steps: int, dtype: torch.dtype) -> Replayed:
    """The worse of two replays."""
    found = [check_replay(policy, TEXTS, ends, dtype) for ends in _both(model, steps)]
    return max(found, key=lambda replayed: replayed.error)


def _both(model: DiffusersModel, steps: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The first step and the last: pipelines with two networks ask one at each end."""
    sigmas = model.sigmas(steps)
    return sigmas[:2], sigmas[-2:]
