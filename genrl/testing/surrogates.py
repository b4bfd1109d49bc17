"""Invariants of a surrogate: no ratio without a change, numbers at every size, and a gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.protocols import Surrogate
from genrl.schedule import shift_grid
from genrl.surrogates import gaussian_log_prob
from genrl.testing.check import expect, expect_close
from genrl.testing.groups import permuted
from genrl.testing.losses import expect_metrics
from genrl.types import Condition, KeptStep, Prompt, RolloutGroup, Step, StepPlan

SIGMAS, T = shift_grid(4, 1.0), 1
STD = 0.2
#: Dimensions of a latent of about one megapixel.
LARGE = 130_000


@dataclass(frozen=True)
class Case:
    """A group as a rollout leaves it: every member trains step T, solved by Euler's step with or without noise."""

    group: RolloutGroup
    std: float

    def step(self, velocity: Tensor, members: Tensor) -> Step:
        """The step from the stored states of `members` under velocities (B, *L)."""
        x = self.group.kept[T].state[members]
        return Step(x - (SIGMAS[T] - SIGMAS[T + 1]) * velocity, self.std, x - SIGMAS[T] * velocity)

    def log_ratio(self, surrogate: Surrogate, members: Tensor, moved: Tensor | float = 0.0) -> Tensor:
        """(B, C) when the policy's velocity is the stored one plus `moved`."""
        stored = self.velocity[members]
        step, old = self.step(stored + moved, members), self.step(stored, members)
        log_ratio, metrics = surrogate.log_ratio(step, old, self.group, members, T)
        expect(log_ratio.shape == surrogate.candidates(self.group, members).shape, "log_ratio and candidates differ in shape.")
        expect_metrics(metrics)
        return log_ratio

    @property
    def velocity(self) -> Tensor:
        velocity = self.group.kept[T].velocity
        assert velocity is not None
        return velocity


def check_declares_what_it_needs(surrogate: Surrogate) -> None:
    known = {"log_prob"}
    expect(surrogate.needs <= known, f"`needs` may hold {sorted(known)}, got {sorted(surrogate.needs)}.")
    expect(type(surrogate.stochastic) is bool, "`stochastic` must be true or false.")
    expect(surrogate.smallest_group >= 1, "`smallest_group` must be 1 or more.")


def check_candidates_are_members(surrogate: Surrogate) -> None:
    case, members = make_case(surrogate), torch.tensor([0, 3, 4])
    candidates = surrogate.candidates(case.group, members)
    expect(candidates.ndim == 2 and len(candidates) == 3, f"Candidates are (B, C), got {tuple(candidates.shape)}.")
    expect(candidates.dtype == torch.int64, "Candidates are member indices.")
    expect(bool((candidates >= 0).all() & (candidates < case.group.size).all()), "A candidate is no member of the group.")


def check_log_ratio_is_zero_on_policy(surrogate: Surrogate) -> None:
    for size in (6, surrogate.smallest_group):
        case = make_case(surrogate, size=size)
        log_ratio = case.log_ratio(surrogate, torch.arange(size))
        expect_close(log_ratio, torch.zeros_like(log_ratio), "At unchanged weights every log-ratio must be 0", atol=1e-6)


def check_answers_each_anchor_by_itself(surrogate: Surrogate) -> None:
    case, moved = make_case(surrogate), _moved()
    together = case.log_ratio(surrogate, torch.arange(6), moved)
    alone = torch.cat([case.log_ratio(surrogate, torch.tensor([b]), moved[b : b + 1]) for b in range(6)])
    expect_close(alone, together, "An anchor's log-ratios must not depend on the other anchors", rtol=1e-4, atol=1e-6)


def check_follows_the_order_of_the_group(surrogate: Surrogate) -> None:
    case, moved, order = make_case(surrogate), _moved(), torch.tensor([4, 2, 0, 5, 1, 3])
    table = _table(surrogate, case, moved)
    other = _table(surrogate, Case(permuted(case.group, order), case.std), moved[order])
    expect_close(other, table[order][:, order], "Permuting the group must permute the log-ratios", rtol=1e-4, atol=1e-6)


def check_gradient_reaches_the_policy(surrogate: Surrogate) -> None:
    case, members = make_case(surrogate), torch.arange(6)
    for size in (0.0, 0.01):
        moved = (size * _moved()).requires_grad_()
        log_ratio = case.log_ratio(surrogate, members, moved)
        # Advantages of mean 0: a constant one has no gradient under a policy that is normalised over the group.
        advantage = torch.randn(log_ratio.shape, generator=_rng(5), dtype=log_ratio.dtype)
        (slope,) = torch.autograd.grad((log_ratio * advantage).sum(), moved)
        expect(bool(slope.isfinite().all()), "The gradient of the log-ratio is NaN or infinite.")
        expect(bool((slope != 0.0).flatten(1).any(dim=1).all()), "No gradient reaches the velocity at some anchor.")


def check_is_finite_at_production_size(surrogate: Surrogate) -> None:
    """D = 130,000: members far apart, and members that are all the same."""
    for spread in (1.0, 0.0):
        size = max(4, surrogate.smallest_group)
        case = make_case(surrogate, size, (LARGE,), spread=spread)
        on_policy = case.log_ratio(surrogate, torch.arange(size))
        expect_close(on_policy, torch.zeros_like(on_policy), f"At D = {LARGE} the on-policy log-ratio must be 0", atol=1e-4)
        moved = 1e-3 * torch.randn(size, LARGE, generator=_rng(6))
        off_policy = case.log_ratio(surrogate, torch.arange(size), moved)
        expect(bool(off_policy.isfinite().all()), f"At D = {LARGE} and spread {spread:g} a log-ratio is NaN or infinite.")


def check_is_precise_at_production_size(surrogate: Surrogate) -> None:
    """A difference of two distances near 2e4 keeps three digits in float32, of which a small log-ratio needs them all."""
    size = max(4, surrogate.smallest_group)
    moved = 1e-2 * torch.randn(size, LARGE, generator=_rng(6))
    single, double = (
        make_case(surrogate, size, (LARGE,), dtype=dtype).log_ratio(surrogate, torch.arange(size), moved.to(dtype)).double()
        for dtype in (torch.float32, torch.float64)
    )
    largest = double.abs().max().item()
    expect_close(single, double, f"At D = {LARGE} float32 must give float64's log-ratio", atol=1e-6 + 3e-4 * largest)


def make_case(
    surrogate: Surrogate,
    size: int = 6,
    shape: tuple[int, ...] = (2, 3),
    *,
    spread: float = 1.0,
    dtype: torch.dtype = torch.float32,
) -> Case:
    """`spread` 0 makes all members the same."""

    def rows(seed: int) -> Tensor:
        center, own = (torch.randn((n, *shape), generator=_rng(seed + n)) for n in (1, size))
        return (center + 0.3 * spread * own).to(dtype)

    std = STD if surrogate.stochastic else 0.0
    group = RolloutGroup(
        Prompt("a red circle"),
        Condition(("a red circle",) * size),
        StepPlan(SIGMAS, (surrogate.stochastic,) * (len(SIGMAS) - 1), torch.tensor([T])),
        rows(400),
        {T: KeptStep(torch.arange(size), rows(100), rows(100), velocity=rows(200))},
    )
    mean = Case(group, std).step(rows(200), torch.arange(size)).mean
    state, next_state = group.kept[T].state, mean + std * rows(300)
    log_prob = gaussian_log_prob(next_state, mean, std) if std else None
    group.kept[T] = KeptStep(torch.arange(size), state, next_state, velocity=rows(200), log_prob=log_prob)
    return Case(group, std)


def _table(surrogate: Surrogate, case: Case, moved: Tensor) -> Tensor:
    """(G, G) log-ratio of each candidate at each anchor, 0 for those that an anchor does not score."""
    members = torch.arange(case.group.size)
    log_ratio = case.log_ratio(surrogate, members, moved)
    table = log_ratio.new_zeros(len(members), len(members))
    return table.scatter(1, surrogate.candidates(case.group, members), log_ratio)


def _moved() -> Tensor:
    return 0.05 * torch.randn(6, 2, 3, generator=_rng(7))


def _rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


CHECKS = (
    check_declares_what_it_needs,
    check_candidates_are_members,
    check_log_ratio_is_zero_on_policy,
    check_answers_each_anchor_by_itself,
    check_follows_the_order_of_the_group,
    check_gradient_reaches_the_policy,
    check_is_finite_at_production_size,
    check_is_precise_at_production_size,
)
