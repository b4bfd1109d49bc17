"""Learning from pairs of pictures that somebody compared: a rollout that reads instead of samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from genrl.advantages import ZScore
from genrl.algorithms.forward_process import ForwardProcess
from genrl.errors import ConfigError
from genrl.forward_protocols import MatchingLoss, NoiseSharing, TimeSampler
from genrl.perturbers import Independent
from genrl.pictures import pixels
from genrl.protocols import Policy, SnapshotRule
from genrl.randomness import Randomness
from genrl.selection import Everyone
from genrl.solvers import Euler
from genrl.types import Condition, Metrics, Prompt, RolloutGroup, Sampling, StepPlan, Unit


@dataclass(frozen=True)
class OfflinePreference:
    """Read the pictures in the columns "chosen" and "rejected" of each prompt, and encode them. Learn from the two, noised
    to `times` with noise that `sharing` hands out: the answers of several weight sets go into `objective`.

    A pair is a group of two whose advantages are 1 and -1. Rewards are asked in evaluations alone.
    """

    times: TimeSampler
    sharing: NoiseSharing
    objective: MatchingLoss
    reads: ClassVar[tuple[str, ...]] = ("chosen", "rejected")
    reward_gradient: ClassVar[bool] = False
    advantage: ClassVar[None] = None
    snapshots: ClassVar[tuple[SnapshotRule, ...]] = ()

    @property
    def learning(self) -> ForwardProcess:
        """The family whose learning this is. How it explores and credits does not matter here: it does neither."""
        return ForwardProcess(
            perturber=Independent(), solver=Euler(), members=Everyone(), times=self.times, sharing=self.sharing,
            advantage=ZScore(), objective=self.objective,
        )  # fmt: skip

    @property
    def weight_sets(self) -> frozenset[str]:
        return self.learning.weight_sets

    def smallest_unit(self, sampling: Sampling) -> int:
        return self.learning.smallest_unit(sampling)

    def check(self, sampling: Sampling) -> None:
        if sampling.group_size != len(self.reads):
            raise ConfigError(f"A pair has two pictures; set sampling.group_size to 2, not {sampling.group_size}.")
        self.learning.check(sampling)

    def plan(self, iteration: int, sigmas: tuple[float, ...], sampling: Sampling, rng: Randomness) -> StepPlan:
        return self.learning.plan(iteration, sigmas, sampling, rng)

    def rollout(
        self, policy: Policy, prompts: Sequence[Prompt], plan: StepPlan, sampling: Sampling, rng: Randomness
    ) -> list[RolloutGroup]:
        """Read instead of explore: the latents of both pictures of each prompt.

        Pair by pair, because the pictures of an iteration are many times as large as their latents.
        """
        shape, preferred, groups = policy.media_shape(), torch.tensor([[1.0], [-1.0]], device=policy.device), []
        for prompt in prompts:
            media = torch.stack([pixels(prompt.columns[name], shape) for name in self.reads])
            latents = policy.encode_media(media.to(policy.device))
            groups.append(RolloutGroup(prompt, Condition((prompt.text,) * len(latents)), plan, latents, {}, preferred))
        return groups

    def updates(self, groups: Sequence[RolloutGroup], rows: int, rng: Randomness) -> Iterator[list[Unit]]:
        yield from self.learning.updates(groups, rows, rng)

    def loss(self, policy: Policy, unit: Unit) -> tuple[Tensor, Metrics]:
        return self.learning.loss(policy, unit)
