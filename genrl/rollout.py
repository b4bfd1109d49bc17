"""walk(): the only denoising loop of the package. replay(): the same transition again, at one stored step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from genrl.protocols import FlowModel, Policy, Solver, Velocity
from genrl.schedule import shift_grid
from genrl.surrogates import gaussian_log_prob
from genrl.types import Condition, KeptStep, Prompt, RolloutGroup, Sampling, Step, StepPlan, take

#: What gets decoded: the last state, or the clean estimate x0 of the last step (DanceGRPO, whose last state is noisy).
Final = Literal["state", "x0"]


def sigma_grid(model: FlowModel, steps: int, shift: float | None) -> tuple[float, ...]:
    """steps + 1 points: the model's own grid, or the evenly shifted one if `shift` is given."""
    return model.sigmas(steps) if shift is None else shift_grid(steps, shift)


def walk(
    policy: Policy,
    prompts: Sequence[Prompt],
    noise: Tensor,
    solver: Solver,
    plan: StepPlan,
    sampling: Sampling,
    generators: Sequence[Generator],
    *,
    needs: frozenset[str] = frozenset(),
    final: Final = "state",
) -> list[RolloutGroup]:
    """Solve from `noise` (N * G, *L) down the plan's sigmas, all groups in one batch, and keep what learning will ask for.

    generators: one for each prompt; they feed the stochastic steps. States are rounded to `sampling.dtype` before they are
    scored or stored, so a replayed log-probability is that of the stored state to the last bit. In a plan with a lineage the
    network is asked once for each node, and each child draws the noise of the member that stands for it.
    """
    size = len(noise) // len(prompts)
    groups = [RolloutGroup(prompt, Condition((prompt.text,) * size), plan, noise[:0], {}) for prompt in prompts]
    x = noise if plan.lineage is None else noise[_in_each_group(plan.lineage.at(0), size, len(prompts))]
    x, carry, trained = _stored(x, sampling), None, set(plan.steps)
    step: Step | None = None
    with _asking(policy, prompts, plan, size) as velocity:
        for t in range(plan.length):
            ask = _Recorder(velocity(t))
            step = solver.step(ask, x, plan.sigmas[t], plan.sigmas[t + 1], carry, plan.stochastic[t])
            before = (x, carry, ask.first)
            if plan.lineage is not None:
                step, before = _forked(solver, ask, before, step, plan, t, len(prompts))
            x = step.mean
            if step.std > 0.0:
                x = x + step.std * _noise(x, plan, t, size, generators)
            x = _stored(x, sampling)
            if t in trained:
                log_prob = gaussian_log_prob(x, step.mean, step.std) if step.std > 0.0 and "log_prob" in needs else None
                _keep(groups, t, plan, size, before, x, log_prob)
            carry = step.carry
    assert step is not None, "a plan has at least one step"
    for group, latents in zip(groups, (step.x0 if final == "x0" else x).split(size), strict=True):
        group.final = latents
    return groups


def replay(policy: Policy, solver: Solver, parts: Sequence[tuple[RolloutGroup, Tensor]], t: int) -> tuple[Step, Step]:
    """The solver's step from stored states, for the rows of several groups in one batch.

    Returns (step under the active weights, the same step from the velocity that the rollout stored). Rows follow `parts`.
    """
    plan = parts[0][0].plan
    rows = [(kept := group.kept[t], kept.row_of(members).to(kept.state.device, non_blocking=True)) for group, members in parts]
    x = torch.cat([kept.state[index] for kept, index in rows])
    carry = _join([take(kept.carry, index) for kept, index in rows])
    condition = Condition.join([group.condition.rows(members) for group, members in parts])
    sigma, sigma_next, stochastic = plan.sigmas[t], plan.sigmas[t + 1], plan.stochastic[t]

    def current(y: Tensor, s: float) -> Tensor:
        return policy.velocity(y, s, condition)

    stored = torch.cat([kept.velocity[index] for kept, index in rows if kept.velocity is not None])
    with torch.no_grad():
        old = solver.step(lambda y, s: stored, x, sigma, sigma_next, carry, stochastic)
    return solver.step(current, x, sigma, sigma_next, carry, stochastic), old


def pick(step: Step, rows: slice) -> Step:
    """The rows of one group in a step that was made for several."""
    return Step(step.mean[rows], step.std, step.x0[rows])


class _Recorder:
    """A velocity that remembers its first answer, which belongs to the step's own state."""

    def __init__(self, velocity: Velocity) -> None:
        self.velocity = velocity
        self.first: Tensor | None = None
        self._sigma = 0.0

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        answer = self.velocity(x, sigma)
        if self.first is None:
            self.first, self._sigma = answer, sigma
        return answer

    def again(self, x: Tensor, sigma: float) -> Tensor:
        """For a second step from the same state: the first question is answered from memory, any other by the network."""
        return self.first if self.first is not None and sigma == self._sigma else self.velocity(x, sigma)


@contextmanager
def _asking(policy: Policy, prompts: Sequence[Prompt], plan: StepPlan, size: int) -> Iterator[Callable[[int], Velocity]]:
    """The velocity of each step: members on their own ask in one open walk; in a tree the rows change as it forks."""

    def condition(point: int) -> Condition:
        nodes = len(plan.nodes(point, size))
        return Condition(tuple(prompt.text for prompt in prompts for _ in range(nodes)))

    if plan.lineage is not None:
        yield lambda t: partial(policy.velocity, condition=condition(t))
        return
    with policy.solve(condition(0), plan.sigmas) as velocity:
        yield lambda t: velocity


def _forked(
    solver: Solver, ask: _Recorder, before: tuple[Any, ...], step: Step, plan: StepPlan, t: int, groups: int
) -> tuple[Step, tuple[Any, ...]]:
    """The step, and the (state, carry, velocity) before it, with the row of each parent once for each of its children.

    Children without noise get the deterministic step from the same velocity.
    """
    assert plan.lineage is not None
    rows = _in_each_group(plan.lineage.parents(t), len(plan.lineage.at(t)), groups)
    forked = Step(take(step.mean, rows), step.std, take(step.x0, rows), take(step.carry, rows))
    quiet = plan.lineage.noise[plan.lineage.at(t + 1), t] == 0.0
    if step.std > 0.0 and bool(quiet.any()):
        state, carry, _ = before
        plain = solver.step(ask.again, state, plan.sigmas[t], plan.sigmas[t + 1], carry, False)
        chosen = quiet.repeat(groups).view(-1, *(1 for _ in state.shape[1:])).to(state.device, non_blocking=True)
        forked = replace(forked, mean=torch.where(chosen, take(plain.mean, rows), forked.mean))
    return forked, take(before, rows)


def _in_each_group(rows: Tensor, size: int, groups: int) -> Tensor:
    """Rows of one group of `size` -> the same rows of all groups, one group after the other."""
    return (torch.arange(groups)[:, None] * size + rows).flatten()


def _stored(x: Tensor, sampling: Sampling) -> Tensor:
    return x if x.dtype == sampling.dtype else x.to(sampling.dtype).to(x.dtype)


def _noise(like: Tensor, plan: StepPlan, t: int, size: int, generators: Sequence[Generator]) -> Tensor:
    """Standard normal, one row for each node after step t; in a tree that of its member, multiplied as the lineage says."""
    drawn = [torch.randn((size, *like.shape[1:]), generator=generator) for generator in generators]
    if plan.lineage is not None:
        nodes = plan.lineage.at(t + 1)
        scale = plan.lineage.noise[nodes, t].view(-1, *(1 for _ in like.shape[1:]))
        drawn = [rows[nodes] * scale for rows in drawn]
    return torch.cat(drawn).to(like.device, like.dtype, non_blocking=True)


def _keep(
    groups: list[RolloutGroup],
    t: int,
    plan: StepPlan,
    size: int,
    before: tuple[Any, ...],
    after: Tensor,
    log_prob: Tensor | None,
) -> None:
    members, nodes, (state, carry, velocity) = plan.members(t, size), plan.nodes(t + 1, size), before
    everyone, own = len(members) == len(nodes), torch.searchsorted(nodes, members)
    for i, group in enumerate(groups):
        # A slice is a view of the batch: a step that all members train is stored once, not once more for each group.
        rows = slice(i * len(nodes), (i + 1) * len(nodes)) if everyone else i * len(nodes) + own
        kept = (take(value, rows) for value in (state, after, carry, velocity, log_prob))
        group.kept[t] = KeptStep(members, *kept)


def _join(carries: Sequence[Any]) -> Any:
    """Concatenate carries of the same shape along rows; values that all rows share are taken from the first."""
    first = carries[0]
    if isinstance(first, Tensor):
        return torch.cat(list(carries))
    if isinstance(first, tuple):
        parts = [_join([carry[i] for carry in carries]) for i in range(len(first))]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    return first
