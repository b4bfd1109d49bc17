"""Group-relative policy gradient on sampled trajectories: the family of Neighbor, Dance, Mix and Flow-GRPO."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from genrl.errors import ConfigError
from genrl.losses import Uniform, gaussian_kl
from genrl.protocols import (
    AdvantageEstimator,
    AnchorSelector,
    Perturber,
    Policy,
    RatioLoss,
    Regularizer,
    SnapshotRule,
    Solver,
    StepSelector,
    StepWeight,
    Surrogate,
)
from genrl.randomness import Randomness
from genrl.registry import component_name
from genrl.rollout import Final, pick, replay, walk
from genrl.types import Metrics, Prompt, RolloutGroup, Sampling, Step, StepPlan, Unit


@dataclass(frozen=True)
class PolicyGradient:
    """Explore with `perturber`, `solver` and `steps`; learn with `anchors`, `surrogate` and `objective`; credit in between.

    step_weight: what a step's clipped term counts beside those of the other steps; penalties are not weighted.
    train_solver: the step through which the gradient flows; None replays the rollout's own solver.
    update_every: "rollout" takes one optimizer step an iteration; "anchor" one for each anchor (Neighbor GRPO's Algorithm 1 as
        printed); a number takes one for each so many members (DanceGRPO: 4 of 12). More updates learn more from a rollout and
        drift further from the policy that made it.
    final: decode the last state, or the clean estimate of the last step where the last state is noisy (DanceGRPO).
    """

    perturber: Perturber
    solver: Solver
    steps: StepSelector
    anchors: AnchorSelector
    surrogate: Surrogate
    advantage: AdvantageEstimator
    objective: RatioLoss
    step_weight: StepWeight = Uniform()
    train_solver: Solver | None = None
    regularizers: tuple[Regularizer, ...] = ()
    update_every: Literal["rollout", "anchor"] | int = "rollout"
    final: Final = "state"
    #: It samples with the weights that learn, and its reference stays where it is.
    snapshots: ClassVar[tuple[SnapshotRule, ...]] = ()
    #: It learns from scores, which need no gradient.
    reward_gradient: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ()

    @property
    def weight_sets(self) -> frozenset[str]:
        return frozenset({"reference"} if any(r.needs_reference for r in self.regularizers) else ())

    def smallest_unit(self, sampling: Sampling) -> int:
        """Anchors are independent: what a surrogate compares is stored."""
        return 1

    @property
    def replayed(self) -> Solver:
        return self.train_solver or self.solver

    def check(self, sampling: Sampling) -> None:
        """Refuse what cannot work, in sentences, by planning the first iteration on a grid of the right length."""
        rng = Randomness(("check",))
        self._check_alone(sampling)
        grid = tuple(1.0 - k / sampling.steps for k in range(sampling.steps + 1))
        plan = self.plan(0, grid, sampling, rng)
        self.anchors(sampling.group_size, rng.generator())
        self.objective(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1) if self.surrogate.stochastic else None)
        surrogate = component_name(self.surrogate)
        if self.surrogate.stochastic and not all(plan.stochastic[t] for t in plan.steps):
            raise ConfigError(f"{surrogate} cannot score a deterministic step; set steps.stochastic=true.")
        if not self.surrogate.stochastic and self.solver.noisy and any(plan.stochastic):
            raise ConfigError(f"{surrogate} is a policy over ODE trajectories; set steps.stochastic=false.")
        if self.surrogate.smallest_group > 1 and plan.trained.ndim == 2:
            raise ConfigError(f"{surrogate} compares members at the same step; set steps.per_member=false.")
        if plan.lineage is not None and self.surrogate.smallest_group > 1:
            raise ConfigError(
                f"{surrogate} compares all members at each step, of which a tree keeps some; use surrogate=gaussian."
            )
        if plan.lineage is not None and _remembers(self.solver) and bool((plan.lineage.noise == 0.0).any()):
            raise ConfigError(
                f"{component_name(self.solver)} remembers its steps, and members that branch off an ODE have no common memory; "
                "use a solver without one, such as flow-sde, which is Euler's where there is no noise."
            )
        for regularizer in self.regularizers:
            if regularizer.stochastic and not all(plan.stochastic[t] for t in plan.steps):
                raise ConfigError(
                    f"{component_name(regularizer)} divides by the noise of a step and these steps have none; "
                    "use regularizers=[kl-velocity]."
                )

    def _check_alone(self, sampling: Sampling) -> None:
        """What can be said without a plan."""
        surrogate = component_name(self.surrogate)
        if sampling.group_size < self.surrogate.smallest_group:
            raise ConfigError(
                f"{surrogate} needs sampling.group_size >= {self.surrogate.smallest_group}, got {sampling.group_size}."
            )
        if sampling.group_size < 2:
            raise ConfigError("A group of 1 has nobody to be better than; set sampling.group_size to 2 or more.")
        if self.replayed.evaluations != 1:
            raise ConfigError(
                f"{component_name(self.replayed)} asks the network {self.replayed.evaluations} times a step and cannot be "
                "trained through; set train_solver to one that asks once, such as euler or the rollout's SDE solver."
            )
        if isinstance(self.update_every, int) and self.update_every < 1:
            raise ConfigError(f"update_every must be 'rollout', 'anchor' or a number >= 1, got {self.update_every}.")
        if self.surrogate.stochastic and not self.solver.noisy:
            raise ConfigError(
                f"{surrogate} scores noise, but {component_name(self.solver)} is an ODE solver; "
                "choose an SDE solver such as flow-sde, or surrogate=softmax-distance."
            )

    def plan(self, iteration: int, sigmas: tuple[float, ...], sampling: Sampling, rng: Randomness) -> StepPlan:
        return self.steps.plan(iteration, sigmas, sampling.group_size, rng.generator("plan"))

    def rollout(
        self, policy: Policy, prompts: Sequence[Prompt], plan: StepPlan, sampling: Sampling, rng: Randomness
    ) -> list[RolloutGroup]:
        """Explore: one perturbed group for each prompt, solved in one batch."""
        shape, size = policy.latent_shape(), sampling.group_size
        noise = torch.cat([self.perturber(size, shape, rng.generator("noise", p.index)) for p in prompts])
        return walk(
            policy,
            prompts,
            noise.to(policy.device, non_blocking=True),
            self.solver,
            plan,
            sampling,
            [rng.generator("sde", p.index) for p in prompts],
            needs=self.surrogate.needs,
            final=self.final,
        )

    def updates(self, groups: Sequence[RolloutGroup], rows: int, rng: Randomness) -> Iterator[list[Unit]]:
        """One list of units for each optimizer step; anchors are drawn once a rollout.

        Without a penalty a group whose advantages are all 0 has no gradient. Such groups come last: they fill up the last unit
        that is asked, whose shape stays what it is, and the rest need not be asked.
        """
        if not self.regularizers:
            groups = sorted(groups, key=lambda group: group.idle)
        anchors = [self.anchors(group.size, rng.generator("anchors", group.prompt.index)) for group in groups]
        count = len(anchors[0])
        share = {"rollout": count, "anchor": 1}[self.update_every] if isinstance(self.update_every, str) else self.update_every
        for start in range(0, count, share):
            chosen = [members[start : start + share] for members in anchors]
            yield [unit for t in groups[0].plan.steps for unit in _units(groups, chosen, t, rows, not self.regularizers)]

    def loss(self, policy: Policy, unit: Unit) -> tuple[Tensor, Metrics]:
        """Learn: the train solver's step from the stored states, its ratio, the clipped objective, the regularizers."""
        t = unit.step
        step, old = replay(policy, self.replayed, unit.parts, t)
        reference = self._reference(policy, unit)
        losses, metrics, start = [], [], 0
        for group, members in unit.parts:
            own = slice(start, start + len(members))
            start = own.stop
            loss, measured = self._group_loss(
                pick(step, own), pick(old, own), reference and pick(reference, own), group, members, t
            )
            losses.append(loss * len(members))
            if not (unit.skips and group.idle):
                metrics.append((measured, len(members)))
        return torch.stack(losses).sum() / unit.weight, merge(metrics) if metrics else {}

    def _group_loss(
        self, step: Step, old: Step, reference: Step | None, group: RolloutGroup, members: Tensor, t: int
    ) -> tuple[Tensor, Metrics]:
        log_ratio, scored = self.surrogate.log_ratio(step, old, group, members, t)  # (B, C)
        advantage = group.advantage(self.surrogate.candidates(group, members), t).to(log_ratio)
        divergence = gaussian_kl(step, old).detach() if step.std > 0.0 else None
        loss, metrics = self.objective(log_ratio, advantage, divergence)
        loss = self.step_weight(group.plan, t) * loss
        sigma, sigma_next = group.plan.sigmas[t], group.plan.sigmas[t + 1]
        for regularizer in self.regularizers:
            penalty = regularizer(step, reference, sigma, sigma_next, log_ratio).mean()
            loss = loss + penalty
            metrics = metrics | {f"penalty/{component_name(regularizer)}": penalty.detach()}
        return loss, scored | metrics | {"loss": loss.detach()}

    def _reference(self, policy: Policy, unit: Unit) -> Step | None:
        if not self.weight_sets:
            return None
        with torch.no_grad(), policy.using("reference"):
            return replay(policy, self.replayed, unit.parts, unit.step)[0]


def _remembers(solver: Solver) -> bool:
    return solver.step(lambda x, sigma: x, torch.ones(1, 1), 0.9, 0.8, None, True).carry is not None


def _units(groups: Sequence[RolloutGroup], chosen: Sequence[Tensor], t: int, rows: int, skips: bool) -> Iterator[Unit]:
    """Pack the chosen members that train step `t` into units of at most `rows` rows."""
    parts: list[tuple[RolloutGroup, Tensor]] = []
    room = rows
    for group, members in zip(groups, chosen, strict=True):
        left = members[torch.isin(members, group.kept[t].members)]
        while len(left):
            if not room:
                yield Unit(tuple(parts), t, skips=skips)
                parts, room = [], rows
            parts.append((group, left[:room]))
            left, room = left[room:], room - len(parts[-1][1])
    if parts:
        yield Unit(tuple(parts), t, skips=skips)


def merge(metrics: Sequence[tuple[Metrics, int]]) -> Metrics:
    """Average metrics by weight; names that end in `_max` keep their maximum."""
    total = sum(weight for _, weight in metrics)
    merged: Metrics = {}
    for name in metrics[0][0]:
        if name.endswith("_max"):
            merged[name] = torch.stack([measured[name].float() for measured, _ in metrics]).max()
        else:
            merged[name] = torch.stack([measured[name].float() * (weight / total) for measured, weight in metrics]).sum()
    return merged
