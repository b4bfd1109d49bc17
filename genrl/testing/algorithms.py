"""Invariants of an algorithm, on the toy model at the default `Sampling`: what the trainer relies on, and that it learns."""

from __future__ import annotations

import copy
import dataclasses

import torch
from torch import Tensor

from genrl.algorithms.policy_gradient import PolicyGradient
from genrl.protocols import Algorithm
from genrl.rollout import pick, replay
from genrl.testing.check import NotApplicable, expect, expect_close
from genrl.testing.groups import permuted
from genrl.testing.losses import expect_metrics
from genrl.testing.run import TEXTS, ToyRun
from genrl.types import Unit

#: Iterations in which the toy reward has to rise by RISE; every 2 x 2 picture starts near a brightness of 0.5.
ITERATIONS, RISE = 10, 0.03


def check_accepts_the_default_sampling(algorithm: Algorithm) -> None:
    algorithm.check(ToyRun(algorithm).sampling)


def check_rollout_keeps_what_was_planned(algorithm: Algorithm) -> None:
    run = ToyRun(algorithm)
    groups, size = run.explore(0), run.sampling.group_size
    for group in groups:
        expect(group.size == size, f"A group has {group.size} members, not {size}.")
        expect(bool(group.final.isfinite().all()), "A member ends at NaN or infinity.")
        expect(not group.final.requires_grad, "The rollout carries a graph.")
        expect(sorted(group.kept) == group.plan.steps, f"Steps {sorted(group.kept)} are kept, {group.plan.steps} trained.")
        for t, kept in group.kept.items():
            expect(torch.equal(kept.members, group.plan.members(t, size)), f"Step {t} is kept for other members than planned.")
    expect(not torch.equal(groups[0].final, groups[1].final), "Two prompts got the same pictures.")


def check_rollout_is_a_pure_function_of_its_key(algorithm: Algorithm) -> None:
    first, again, other = (ToyRun(algorithm).explore(k) for k in (0, 0, 1))
    expect(torch.equal(first[0].final, again[0].final), "The same key gave another rollout.")
    expect(not torch.equal(first[0].final, other[0].final), "Another iteration gave the same rollout.")


def check_rollout_does_not_depend_on_the_other_prompts(algorithm: Algorithm) -> None:
    """The trainer may roll out the prompts of an iteration in several batches."""
    together, alone = ToyRun(algorithm).explore(0), [ToyRun(algorithm).explore(0, only=i)[0] for i in range(len(TEXTS))]
    for group, same in zip(together, alone, strict=True):
        expect_close(same.final, group.final, "A prompt rolled out by itself must give the same members", rtol=1e-4, atol=1e-5)


def check_ratio_is_one_at_unchanged_weights(algorithm: Algorithm) -> None:
    """The first update of a rollout, replayed from what was stored."""
    if not isinstance(algorithm, PolicyGradient):
        raise NotApplicable("it has no ratio")
    run = ToyRun(algorithm)
    for unit in _credited(run)[0]:
        with torch.no_grad():
            step, old = replay(run.policy, algorithm.replayed, unit.parts, unit.step)
        start = 0
        for group, members in unit.parts:
            rows = slice(start, start := start + len(members))
            log_ratio, _ = algorithm.surrogate.log_ratio(pick(step, rows), pick(old, rows), group, members, unit.step)
            expect_close(log_ratio, torch.zeros_like(log_ratio), "The on-policy log-ratio must be 0", atol=2e-5)


def check_loss_has_a_gradient(algorithm: Algorithm) -> None:
    run = ToyRun(algorithm)
    metrics = run.backward(_credited(run)[0])
    gradient = run.gradient()
    expect(bool(gradient.isfinite().all()), "The gradient is NaN or infinite.")
    expect(bool((gradient != 0.0).any()), "The gradient of the first update is 0.")
    expect_metrics(metrics)


def check_rows_only_split_the_work(algorithm: Algorithm) -> None:
    """`train.rows` is about memory: the gradient of every update stays the same."""
    gradients = []
    for rows in (max(5, algorithm.smallest_unit(ToyRun(algorithm).sampling)), 1_000):
        run = ToyRun(algorithm)
        batches = _credited(run, rows)
        for units in batches:
            widest = max(unit.weight for unit in units)
            expect(widest <= rows, f"A unit has {widest} rows where {rows} are allowed.")
        run.backward(batches[0])
        gradients.append(run.gradient())
    expect_close(gradients[0], gradients[1], "Smaller units must add up to the same gradient", rtol=1e-3, atol=1e-6)


def check_members_have_no_order(algorithm: Algorithm) -> None:
    run = ToyRun(algorithm)
    unit = _credited(run, rows=1_000)[0][0]
    order = torch.randperm(run.sampling.group_size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        (loss, _), (other, _) = (algorithm.loss(run.policy, u) for u in (unit, _reordered(unit, order)))
    expect_close(other, loss, "Members in another order must give the same loss", rtol=1e-4, atol=1e-6)


def check_counts_are_the_plan(algorithm: Algorithm) -> None:
    """The network is asked for each state at each step, and once with a gradient for each row of a unit.

    Weight sets that learning looks at are asked at the same rows. Where the reward is differentiated, each step of each member
    is asked once, with gradient or without; a rollout that reads asks nothing.
    """
    run = ToyRun(algorithm)
    batches = _credited(run)
    counts, rows = run.policy.counts, sum(unit.weight for units in batches for unit in units)
    plan, size = run.plan(0), run.sampling.group_size
    most = algorithm.solver.evaluations if isinstance(algorithm, PolicyGradient) else 1
    asked, least = counts["forwards"], 2 * sum(len(plan.nodes(t, size)) for t in range(plan.length))
    if algorithm.reward_gradient:
        differentiated, rest = divmod(least - asked, rows)
        expect(rest == 0 and differentiated > 0, f"A rollout asks {asked} times, which leaves no whole step of {rows} members.")
        rows *= differentiated
    elif algorithm.reads:
        expect(asked == 0, f"A rollout that reads asks {asked} times.")
    else:
        within = least <= asked <= least * most
        expect(within, f"A rollout asks {asked} times; its prompts have {least} nodes, times {most} at most.")
    expect(counts["backwards"] == 0, "The rollout asks the network with gradients.")
    for units in batches:
        run.backward(units)
    expect(counts["backwards"] == rows, f"Learning asks {counts['backwards']} times with gradient for {rows} rows.")
    expect(counts["forwards"] == asked, "Learning asks the network without gradient; keep the answer in the rollout.")
    referred, looked = rows if "reference" in algorithm.weight_sets else 0, counts["snapshot_forwards"]
    expect(counts["reference_forwards"] == referred, f"The reference is asked {counts['reference_forwards']} times.")
    most = rows * len(algorithm.weight_sets - {"reference"})
    expect(looked <= most and looked % rows == 0, f"Snapshots are asked {looked} times for {rows} rows.")


def check_resumes_identically(algorithm: Algorithm) -> None:
    """What an iteration does depends on weights, optimizer and key alone, so nothing else has to be saved."""
    run = ToyRun(algorithm)
    run.iterate(0)
    resumed = copy.deepcopy(run)
    resumed.algorithm = dataclasses.replace(algorithm)  # type: ignore[type-var]
    run.iterate(1)
    resumed.iterate(1)
    expect(torch.equal(run.weights(), resumed.weights()), "An iteration after a restart ends at other weights.")


def check_raises_the_toy_reward(algorithm: Algorithm) -> None:
    run = ToyRun(algorithm)
    before = run.heldout_reward()
    for k in range(ITERATIONS):
        run.iterate(k)
    rise = run.heldout_reward() - before
    expect(rise > RISE, f"In {ITERATIONS} iterations the toy's held-out reward changed by {rise:+.3f}.")


def _reordered(unit: Unit, order: Tensor) -> Unit:
    """The same rows of groups whose members are in another order; the rows of each part ascend again."""
    place, parts = order.argsort(), []
    rows: list[int] = []
    for group, members in unit.parts:
        renamed = place[members]
        ascending = renamed.argsort(stable=True)
        rows += (ascending + len(rows)).tolist()
        parts.append((permuted(group, order), renamed[ascending]))
    return Unit(tuple(parts), unit.step, unit.point and unit.point.rows(rows))


def _credited(run: ToyRun, rows: int = 16) -> list[list[Unit]]:
    """The updates of iteration 0, advantages written."""
    groups = run.explore(0)
    run.credit(groups)
    batches = run.updates(0, groups, rows)
    expect(bool(batches) and all(batches), "The first iteration trains nothing.")
    return batches


CHECKS = (
    check_accepts_the_default_sampling,
    check_rollout_keeps_what_was_planned,
    check_rollout_is_a_pure_function_of_its_key,
    check_rollout_does_not_depend_on_the_other_prompts,
    check_ratio_is_one_at_unchanged_weights,
    check_loss_has_a_gradient,
    check_rows_only_split_the_work,
    check_members_have_no_order,
    check_counts_are_the_plan,
    check_resumes_identically,
    check_raises_the_toy_reward,
)
