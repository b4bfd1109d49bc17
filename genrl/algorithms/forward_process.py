"""Learning at noised samples: the family of DiffusionNFT, AWM, DGPO, online DPO and CRD."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from genrl.algorithms.blocks import Block, units_of
from genrl.algorithms.policy_gradient import merge
from genrl.bounds import Count, Natural
from genrl.errors import ConfigError
from genrl.forward_protocols import MatchingLoss, MatchingRegularizer, MemberSelector, NoiseSharing, TimeSampler
from genrl.protocols import AdvantageEstimator, Perturber, Policy, SnapshotRule, Solver
from genrl.randomness import Randomness
from genrl.registry import component_name
from genrl.rollout import walk
from genrl.types import Answers, Condition, Metrics, Prompt, RolloutGroup, Sampling, StepPlan, Unit, take


@dataclass(frozen=True)
class ForwardProcess:
    """Explore with `perturber` and `solver`, which may be any ODE solver; nothing but the samples is kept. Learn from
    `members`, noised to `times` with noise that `sharing` hands out: the answers of several weight sets go into `objective`.

    snapshots: the weight sets that follow the current one.
    rollout_weights: the weight set that samples; "current", or the label of a snapshot, whose samples are steadier and older.
    rollout_after: iterations that the current weights sample before `rollout_weights` do.
    updates_per_rollout: optimizer steps of an iteration, between which the draws are dealt out. More learn more from a rollout
        and drift further from the policy that made it.
    """

    perturber: Perturber
    solver: Solver
    members: MemberSelector
    times: TimeSampler
    sharing: NoiseSharing
    advantage: AdvantageEstimator
    objective: MatchingLoss
    regularizers: tuple[MatchingRegularizer, ...] = ()
    snapshots: tuple[SnapshotRule, ...] = ()
    rollout_weights: str = "current"
    rollout_after: Natural = 0
    updates_per_rollout: Count = 1

    #: It learns from scores, which need no gradient.
    reward_gradient: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ()

    @property
    def asked(self) -> frozenset[str]:
        """The weight sets that learning asks beside the current one."""
        return self.objective.weight_sets | {regularizer.weights for regularizer in self.regularizers}

    @property
    def weight_sets(self) -> frozenset[str]:
        return frozenset(rule.label for rule in self.snapshots) | ((self.asked | {self.rollout_weights}) & {"reference"})

    def smallest_unit(self, sampling: Sampling) -> int:
        """What the objective compares has to stand in one unit."""
        return 1 if self.objective.compares == "nothing" else self._learners(sampling)

    def check(self, sampling: Sampling) -> None:
        """Refuse what cannot work, in sentences."""
        if sampling.group_size < 2:
            raise ConfigError("A group of 1 has nobody to be better than; set sampling.group_size to 2 or more.")
        if self.solver.noisy:
            raise ConfigError(
                f"Nothing is learned from the noise of {component_name(self.solver)}; choose an ODE solver, such as dpmpp."
            )
        if self.objective.compares == "pair" and self._learners(sampling) != 2:
            raise ConfigError(f"{component_name(self.objective)} compares two members; set members=best-worst.")
        self._check_weights()
        grid = tuple(1.0 - k / sampling.steps for k in range(sampling.steps + 1))
        draws = len(self.times(grid, Randomness(("check",)).generator()))
        if draws < self.updates_per_rollout:
            raise ConfigError(f"updates_per_rollout deals out {draws} noise levels; set it to {draws} or less.")

    def _check_weights(self) -> None:
        labels = [rule.label for rule in self.snapshots]
        if len(set(labels)) < len(labels):
            raise ConfigError(f"Two snapshots have the same label ({', '.join(labels)}); give each its own.")
        missing = sorted((self.asked | {self.rollout_weights}) - {"current", "reference", *labels})
        if missing:
            raise ConfigError(
                f"The weights {missing[0]!r} are asked for, but no snapshot keeps them; add one to snapshots, such as "
                f"{{name: copied, label: {missing[0]}}}."
            )

    def _learners(self, sampling: Sampling) -> int:
        return len(self.members(torch.arange(float(sampling.group_size))))

    def plan(self, iteration: int, sigmas: tuple[float, ...], sampling: Sampling, rng: Randomness) -> StepPlan:
        """Every step without noise, none of them kept."""
        weights = self.rollout_weights if iteration >= self.rollout_after else "current"
        return StepPlan(sigmas, (False,) * (len(sigmas) - 1), torch.zeros(0, dtype=torch.int64), weights)

    def rollout(
        self, policy: Policy, prompts: Sequence[Prompt], plan: StepPlan, sampling: Sampling, rng: Randomness
    ) -> list[RolloutGroup]:
        """Explore: one group for each prompt, solved in one batch."""
        shape, size = policy.latent_shape(), sampling.group_size
        noise = torch.cat([self.perturber(size, shape, rng.generator("noise", p.index)) for p in prompts])
        return walk(policy, prompts, noise.to(policy.device, non_blocking=True), self.solver, plan, sampling, [])

    def updates(self, groups: Sequence[RolloutGroup], rows: int, rng: Randomness) -> Iterator[list[Unit]]:
        """One list of units for each optimizer step; levels and noise are drawn once a rollout."""
        blocks = [block for group in groups for block in self._blocks(group, rng)]
        together = self.objective.compares != "nothing"
        for turn in range(self.updates_per_rollout):
            dealt = [block for block in blocks if block.draw % self.updates_per_rollout == turn]
            yield list(units_of(dealt, rows, together))

    def _blocks(self, group: RolloutGroup, rng: Randomness) -> Iterator[Block]:
        """What may not be parted: each draw of a member, or of all members that the objective compares."""
        assert group.advantages is not None, "advantages are written by the trainer before learning"
        members, prompt = self.members(group.advantages[:, 0]).tolist(), group.prompt.index
        grid, share = group.plan.sigmas, self.sharing
        keys = {member: share.times(prompt, member) for member in members}
        drawn = {key: self.times(grid, rng.generator("times", *key)).tolist() for key in set(keys.values())}
        alone = self.objective.compares == "nothing"
        for draw in range(len(drawn[keys[members[0]]])):
            for some in [(member,) for member in members] if alone else [tuple(members)]:
                sigmas = tuple(drawn[keys[member]][draw] for member in some)
                noises = tuple(rng.fold("forward", *share.noise(prompt, member, draw)) for member in some)
                yield Block(group, draw, some, sigmas, noises)

    def loss(self, policy: Policy, unit: Unit) -> tuple[Tensor, Metrics]:
        """Learn: the answers at the noised samples, the objective group by group, the regularizers."""
        answers, losses, metrics, start = self.answers(policy, unit), [], [], 0
        for group, members in unit.parts:
            own = slice(start, start + len(members))
            start = own.stop
            advantage = group.advantage(members[:, None], 0)[:, 0].to(answers.velocity)
            loss, measured = self._part_loss(answers.rows(own), advantage)
            losses.append(loss * len(members))
            metrics.append((measured, len(members)))
        return torch.stack(losses).sum() / unit.weight, merge(metrics)

    def _part_loss(self, answers: Answers, advantage: Tensor) -> tuple[Tensor, Metrics]:
        loss, metrics = self.objective(answers, advantage)
        for name, answer in answers.under.items():
            metrics = metrics | {f"drift/{name}": (answers.velocity.detach() - answer).square().mean()}
        for regularizer in self.regularizers:
            penalty, label = regularizer(answers, advantage).mean(), f"{component_name(regularizer)}-{regularizer.weights}"
            loss = loss + penalty
            metrics = metrics | {f"penalty/{label}": penalty.detach()}
        return loss, metrics | {"loss": loss.detach()}

    def answers(self, policy: Policy, unit: Unit) -> Answers:
        """Noise the samples of a unit and ask every weight set about them; the current one last, with gradient."""
        assert unit.point is not None, "units of this family say where they ask"
        x0 = torch.cat([take(group.final, members) for group, members in unit.parts])
        condition = Condition.join([group.condition.rows(members) for group, members in unit.parts])
        noise, levels = unit.point.noise(x0.shape[1:]).to(x0.device, x0.dtype, non_blocking=True), unit.point.sigma
        sigma = levels.to(x0.device, x0.dtype, non_blocking=True).view(-1, *(1 for _ in x0.shape[1:]))
        x = (1.0 - sigma) * x0 + sigma * noise
        where = float(levels[0]) if bool((levels == levels[0]).all()) else levels
        under = {}
        for name in sorted(self.asked):
            with torch.no_grad(), policy.using(name):
                under[name] = wide(policy.velocity(x, where, condition))
        velocity = wide(policy.velocity(x, where, condition))
        return Answers(velocity, under, wide(noise) - wide(x0), wide(sigma).flatten())


def wide(values: Tensor) -> Tensor:
    """float64, in which differences of nearly equal errors keep their digits; float32 on devices without it."""
    return values.float() if values.device.type == "mps" else values.double()
