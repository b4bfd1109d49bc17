"""The gradient of the reward itself, through the decoder and the last steps of the solver: DRaFT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from genrl.bounds import Count
from genrl.errors import ConfigError
from genrl.protocols import Perturber, Policy, SnapshotRule, Solver
from genrl.randomness import Randomness
from genrl.registry import component_name
from genrl.rollout import walk
from genrl.types import Condition, Metrics, Prompt, RolloutGroup, Sampling, StepPlan, Unit


@dataclass(frozen=True)
class DirectGradient:
    """Explore with `perturber` and `solver` up to where the gradient begins; learn by solving the rest with it: -mean r(x_T).

    A group's `final` is the state before the last steps. Nothing is scored on the way, because the loss asks the reward.

    last_steps: solver steps that the gradient goes through, K of DRaFT-K. More of them reach what the picture shows, cost
        memory and time in proportion, and let gradients grow from step to step; fewer refine details alone.
    recompute: keep the latents between the last steps alone and ask the network again in the backward pass, which costs about
        a third more time to learn; false keeps all activations of all last steps.
    """

    perturber: Perturber
    solver: Solver
    last_steps: Count = 1
    recompute: bool = True
    reward_gradient: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ()
    advantage: ClassVar[None] = None
    weight_sets: ClassVar[frozenset[str]] = frozenset()
    snapshots: ClassVar[tuple[SnapshotRule, ...]] = ()

    def smallest_unit(self, sampling: Sampling) -> int:
        """Members are independent."""
        return 1

    def check(self, sampling: Sampling) -> None:
        """Refuse more last steps than there are, and a solver whose memory would be cut in two where the gradient begins."""
        if self.last_steps > sampling.steps:
            raise ConfigError(
                f"last_steps={self.last_steps} is more than sampling.steps={sampling.steps}, the gradient through the "
                "whole trajectory; lower it."
            )
        probe = torch.ones(1, 1)
        if self.solver.step(lambda x, sigma: x, probe, 0.9, 0.5, None, False).carry is not None:
            raise ConfigError(
                f"{component_name(self.solver)} remembers the steps before, which have no gradient; set solver=euler or heun."
            )

    def plan(self, iteration: int, sigmas: tuple[float, ...], sampling: Sampling, rng: Randomness) -> StepPlan:
        """All steps, without noise; none is kept, because learning begins at `final`."""
        return StepPlan(sigmas, (False,) * sampling.steps, torch.zeros(0, dtype=torch.int64))

    def rollout(
        self, policy: Policy, prompts: Sequence[Prompt], plan: StepPlan, sampling: Sampling, rng: Randomness
    ) -> list[RolloutGroup]:
        """Explore: the first T - K steps of each member, all in one batch."""
        shape, size, first = policy.latent_shape(), sampling.group_size, plan.length - self.last_steps
        noise = torch.cat([self.perturber(size, shape, rng.generator("noise", p.index)) for p in prompts]).to(policy.device)
        if not first:
            parts = zip(prompts, noise.split(size), strict=True)
            return [RolloutGroup(prompt, Condition((prompt.text,) * size), plan, own, {}) for prompt, own in parts]
        head = replace(plan, sigmas=plan.sigmas[: first + 1], stochastic=plan.stochastic[:first])
        return [replace(group, plan=plan) for group in walk(policy, prompts, noise, self.solver, head, sampling, [])]

    def updates(self, groups: Sequence[RolloutGroup], rows: int, rng: Randomness) -> Iterator[list[Unit]]:
        """One optimizer step for all members."""
        members = [(group, member) for group in groups for member in torch.arange(group.size).split(1)]
        first = groups[0].plan.length - self.last_steps
        yield [Unit(_joined(members[k : k + rows]), first) for k in range(0, len(members), rows)]

    def loss(self, policy: Policy, unit: Unit) -> tuple[Tensor, Metrics]:
        """Learn: the last K steps with gradient, and the reward of where they end."""
        sigmas = unit.parts[0][0].plan.sigmas
        condition = Condition.join([group.condition.rows(members) for group, members in unit.parts])
        velocity = partial(policy.velocity, condition=condition, recompute=self.recompute)
        x = torch.cat([group.final[members] for group, members in unit.parts])
        for k in range(unit.step, len(sigmas) - 1):
            x = self.solver.step(velocity, x, sigmas[k], sigmas[k + 1], None, False).mean
        reward, metrics = policy.reward(x, [group.prompt for group, members in unit.parts for _ in members])
        loss = -reward.mean()
        return loss, metrics | {"loss": loss.detach()}


def _joined(members: Sequence[tuple[RolloutGroup, Tensor]]) -> tuple[tuple[RolloutGroup, Tensor], ...]:
    """Members one by one as the parts of a unit, those of a group together."""
    groups = {id(group): group for group, _ in members}
    return tuple((group, torch.cat([member for other, member in members if other is group])) for group in groups.values())
