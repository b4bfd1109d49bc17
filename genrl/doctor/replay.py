"""Replay equals rollout: the network that learns answers as the network that sampled. Three rows through it say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.doctor.precision import VELOCITY, error
from genrl.errors import ModelError
from genrl.policy import WeightedPolicy
from genrl.randomness import Randomness
from genrl.rollout import replay, walk
from genrl.solvers import Euler
from genrl.types import Prompt, RolloutGroup, Sampling, StepPlan

#: A context in which networks compute in mixed precision.
Autocast = Callable[[], AbstractContextManager]


@dataclass(frozen=True)
class Replayed:
    """error: of the replayed velocity, relative; `counts` is what the check asked of the network, beside the run's counts."""

    error: float
    tolerance: float
    counts: Counter[str]

    def __str__(self) -> str:
        return "bit-equal" if self.error == 0.0 else f"relative error {self.error:.1e}, {self.tolerance:.0e} allowed"


def check_replay(
    policy: WeightedPolicy,
    texts: Sequence[str],
    sigmas: tuple[float, ...],
    dtype: torch.dtype,
    autocast: Autocast = nullcontext,
) -> Replayed:
    """One step of a rollout of two rows, and the first row of it once more, alone and with gradient.

    texts: two prompts. dtype: in which the networks multiply; it sets how equal the answers have to be.

    ModelError, which names what differs and the settings that make it so, if the velocities differ, if they are not finite,
    or if no gradient reaches the weights. The policy's counts stay as they were.
    """
    before = policy.counts.copy()
    try:
        groups = _explored(policy, texts, sigmas, autocast)
        found, gradients = _replayed(policy, groups[0], autocast)
        _check(policy, groups, found, VELOCITY[dtype], autocast)
        _check_gradients(gradients)
        return Replayed(found, VELOCITY[dtype], policy.counts - before)
    finally:
        policy.counts = before


@torch.no_grad()
def _explored(
    policy: WeightedPolicy, texts: Sequence[str], sigmas: tuple[float, ...], autocast: Autocast
) -> list[RolloutGroup]:
    """One step of two groups of one member each."""
    policy.encode(list(texts))
    rng, shape = Randomness(("self-check",)), policy.latent_shape()
    noise = torch.stack([torch.randn(shape, generator=rng.generator(i)) for i in range(len(texts))])
    plan = StepPlan(sigmas[:2], (False,), torch.tensor([0]))
    prompts = [Prompt(text, index=i) for i, text in enumerate(texts)]
    with autocast():
        return walk(policy, prompts, noise.to(policy.device), Euler(), plan, Sampling(), [])


def _replayed(policy: WeightedPolicy, group: RolloutGroup, autocast: Autocast) -> tuple[float, list[Tensor | None]]:
    """The relative error of the velocity in the replay of one group, and the gradient of its step."""
    with torch.enable_grad(), autocast():
        step, old = replay(policy, Euler(), [(group, torch.tensor([0]))], 0)
    asked = [p for network in policy.model.networks.values() for p in network.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(step.mean.square().sum(), asked, allow_unused=True)
    start = group.kept[0].state
    return error(step.mean - start, old.mean - start), list(gradients)


def _check(policy: WeightedPolicy, groups: list[RolloutGroup], found: float, allowed: float, autocast: Autocast) -> None:
    """ModelError with the cause if `found` is not allowed; three more questions tell the causes apart."""
    if found <= allowed:
        return
    kept = [group.kept[0] for group in groups]
    velocity = torch.cat([part.velocity for part in kept if part.velocity is not None])
    if not velocity.isfinite().all():
        raise ModelError(
            "The self-check failed: the velocity is NaN or infinite at pure noise. Choose a type with more range, "
            "model.dtype=bfloat16 or float32."
        )
    states, sigma, condition = torch.cat([part.state for part in kept]), groups[0].plan.sigmas[0], groups[0].condition
    with torch.no_grad(), autocast():
        again = policy.velocity(states, sigma, type(condition).join([group.condition for group in groups]))
        alone = policy.velocity(states[:1], sigma, condition)
    head = f"The self-check failed: a replayed step differs from the rollout's (relative error {found:.1e}). "
    if error(again, velocity) > allowed:
        raise ModelError(
            head + "The network answers the same question differently each time: something in it is random (dropout, "
            "stochastic depth) or its kernels are; switch that off in the model's config."
        )
    if error(alone, velocity[:1]) > allowed:
        raise ModelError(
            head + "A row is answered differently when other rows stand beside it: its kernels depend on the batch, or its "
            "attention is quantised for the whole batch; choose another attention backend, or float32."
        )
    raise ModelError(
        head + "With gradients the network answers differently than without: set model.gradient_checkpointing=false, and leave "
        "out hooks, storage types and attention backends that are made for inference."
    )


def _check_gradients(gradients: list[Tensor | None]) -> None:
    reached = [gradient for gradient in gradients if gradient is not None]
    if not any(bool((gradient != 0.0).any()) for gradient in reached):
        raise ModelError(
            "The self-check failed: no gradient reaches the trained weights. Name other layers in model.lora_targets, or take "
            "an attention backend that has a backward pass."
        )
    if not all(bool(gradient.isfinite().all()) for gradient in reached):
        raise ModelError(
            "The self-check failed: a gradient is NaN or infinite at the untrained weights. Choose a type with more range, "
            "model.dtype=bfloat16 or float32."
        )
