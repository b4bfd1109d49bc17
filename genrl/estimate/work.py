"""What an iteration asks of the network: the algorithm itself is run, on a model that only writes down what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genrl.config import RunConfig
from genrl.errors import ModelError
from genrl.judging.protocol import reward_panel
from genrl.policy import COUNTED, WeightedPolicy
from genrl.protocols import Velocity
from genrl.randomness import Randomness
from genrl.schedule import shift_grid
from genrl.types import Condition, Metrics, Prompt, RolloutGroup


@dataclass(frozen=True)
class Work:
    """One iteration.

    counts: by the names of `genrl.policy.COUNTED`, as the trainer writes them.
    asked, trained: rows of each call of the network without and with gradient; decoded: latents of each call of the decoder.
    kept: float32 numbers that the rollout keeps for learning, in latents.
    """

    counts: Mapping[str, int]
    asked: tuple[int, ...]
    trained: tuple[int, ...]
    decoded: tuple[int, ...]
    kept: float


def work(config: RunConfig, sigmas: tuple[float, ...]) -> Work:
    """The work of the first iteration, in the trainer's order: plan, rollout, decode, credit, updates."""
    ledger = _Ledger()
    policy = WeightedPolicy(ledger, config.algorithm.weight_sets, lora=config.model.weights == "lora")
    policy.rate = partial(_rate, policy.decode if _needs_pixels(config) else None)
    algorithm, rng = config.algorithm, Randomness((config.run.seed, "train")).fold(0)
    count = config.train.prompts_per_iteration
    # Distinct texts: how often a real source repeats itself is not known here.
    columns = {name: np.zeros((1, 1, 3), np.uint8) for name in algorithm.reads}
    prompts = [Prompt(f"prompt {i}", columns, index=i) for i in range(count)]
    plan = algorithm.plan(0, sigmas, config.sampling, rng)
    policy.encode([prompt.text for prompt in prompts])
    groups: list[RolloutGroup] = []
    size, pixels = config.train.rollout_prompts or count, algorithm.advantage is not None and _needs_pixels(config)
    for start in range(0, count, size):
        with torch.no_grad(), policy.acting(plan.weights):
            batch = algorithm.rollout(policy, prompts[start : start + size], plan, config.sampling, rng)
        if pixels:
            policy.decode(torch.cat([group.final for group in batch]))
        groups += batch
    kept = _kept(groups)
    if algorithm.advantage is not None:
        shape = (max(1, len(config.rewards)), count, config.sampling.group_size)
        rewards = torch.rand(shape, generator=rng.generator("rewards"), dtype=torch.float64)
        advantages = algorithm.advantage(rewards, torch.ones(shape[0], dtype=torch.float64), plan)
        for group, advantage in zip(groups, advantages, strict=True):
            group.advantages = advantage
    for units in algorithm.updates(groups, config.train.rows, rng):
        for unit in units:
            algorithm.loss(policy, unit)
        policy.counts["optimizer_steps"] += 1
    counts = {name: policy.counts[name] for name in COUNTED}
    return Work(counts, tuple(ledger.asked), tuple(ledger.trained), tuple(ledger.decoded), kept)


class _Ledger:
    """A flow model whose latents are single numbers and whose velocity is 0."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.trained: list[int] = []
        self.decoded: list[int] = []
        self._texts: set[str] = set()

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {}

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def encode(self, texts: Sequence[str]) -> tuple[Condition, int]:
        new = set(texts) - self._texts
        self._texts |= new
        return Condition(tuple(texts)), len(new)

    def latent_shape(self) -> tuple[int, ...]:
        return (1,)

    def sigmas(self, steps: int) -> tuple[float, ...]:
        return shift_grid(steps, 1.0)

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition) -> Tensor:
        (self.trained if torch.is_grad_enabled() else self.asked).append(len(x))
        return torch.zeros_like(x, requires_grad=torch.is_grad_enabled())

    def solve(self, condition: Condition, sigmas: tuple[float, ...]) -> AbstractContextManager[Velocity]:
        return nullcontext(partial(self.velocity, condition=condition))

    def decode(self, latents: Tensor) -> Tensor:
        self.decoded.append(len(latents))
        return torch.zeros(len(latents), 3, 1, 1)

    def media_shape(self) -> tuple[int, ...]:
        return (3, 1, 1)

    def encode_media(self, media: Tensor) -> Tensor:
        return torch.zeros(len(media), 1)

    def save(self, folder: Any, weights: str) -> None:
        raise ModelError("There are no weights to save.")


def _rate(decode: Callable[[Tensor], Tensor] | None, latents: Tensor, prompts: Sequence[Prompt]) -> tuple[Tensor, Metrics]:
    """A reward with a gradient: of the latents, after they were decoded if rewards look at pictures."""
    if decode:
        decode(latents)
    return latents.flatten(1).sum(dim=1), {}


def _needs_pixels(config: RunConfig) -> bool:
    """Unless all rewards look at latents alone; a configuration without rewards is taken to get one that looks."""
    return not config.rewards or reward_panel(config).needs_pixels


def _kept(groups: Sequence[RolloutGroup]) -> float:
    """Storages are counted once: groups hold slices of one batch, and a state is the next state of the step before."""
    storages = {}
    for group in groups:
        for tensor in (group.final, *(t for kept in group.kept.values() for t in _latents(vars(kept)))):
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
    return sum(storages.values()) / 4


def _latents(part: Any) -> Iterator[Tensor]:
    """The tensors (B, 1) in a kept step, its carry included."""
    if isinstance(part, Tensor) and part.ndim == 2:
        yield part
    elif isinstance(part, Mapping | tuple):
        for inner in part.values() if isinstance(part, Mapping) else part:
            yield from _latents(inner)
