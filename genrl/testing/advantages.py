"""Invariants of an advantage estimator: relative to the group, blind to order, 0 where nothing differs."""

from __future__ import annotations

import torch
from torch import Tensor

from genrl.protocols import AdvantageEstimator
from genrl.schedule import shift_grid
from genrl.testing.check import expect, expect_close
from genrl.types import StepPlan

R, N, G, T = 2, 3, 8, 4
PLAN = StepPlan(shift_grid(T, 1.0), (True,) * T, torch.arange(T))
WEIGHTS = torch.tensor([1.0, 0.3], dtype=torch.float64)


def check_gives_one_number_for_each_member(advantage: AdvantageEstimator) -> None:
    values = _advantages(advantage, _rewards())
    expect(values.shape in ((N, G, 1), (N, G, T)), f"Advantages are (N, G, 1) or (N, G, T), got {tuple(values.shape)}.")
    expect(bool((values != 0.0).any()), "Rewards that differ got no advantage at all.")


def check_follows_the_order_of_members_and_prompts(advantage: AdvantageEstimator) -> None:
    rewards, order = _rewards(), torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    values = _advantages(advantage, rewards)
    permuted = _advantages(advantage, rewards[..., order])
    expect_close(permuted, values[:, order], "Permuting the members must permute the advantages", atol=1e-5)
    flipped = _advantages(advantage, rewards.flip(1))
    expect_close(flipped, values.flip(0), "Permuting the prompts must permute the advantages", atol=1e-5)


def check_ignores_a_constant(advantage: AdvantageEstimator) -> None:
    """Neither a constant for each reward nor one for each prompt says anything about siblings."""
    rewards = _rewards()
    offset = torch.tensor([5.0, -2.0], dtype=torch.float64)[:, None, None] + torch.tensor([0.0, 3.0, -1.0])[:, None]
    moved = _advantages(advantage, rewards + offset)
    expect_close(moved, _advantages(advantage, rewards), "A constant added to the rewards must change nothing", atol=1e-4)


def check_is_exactly_zero_in_a_flat_group(advantage: AdvantageEstimator) -> None:
    """0.1 + 0.2 cannot be written in binary, so a careless mean leaves a rounding error that a deviation blows up."""
    rewards = _rewards()
    rewards[:, 1] = 0.1 + 0.2
    values = _advantages(advantage, rewards)
    expect(bool((values[1] == 0.0).all()), "A group without spread must get exactly 0.")
    flat = _advantages(advantage, torch.full_like(rewards, 1e3 + 0.1))
    expect(bool((flat == 0.0).all()), "Where no group has any spread, every advantage must be exactly 0.")


def check_puts_the_better_above_the_worse(advantage: AdvantageEstimator) -> None:
    rewards = _rewards()[:1]
    values = advantage(rewards, WEIGHTS[:1], PLAN)
    ranks = rewards[0].argsort(dim=1)
    sorted_values = values.double().mean(dim=-1).gather(1, ranks)
    expect(bool((sorted_values.diff(dim=1) >= 0.0).all()), "A member with a higher reward got a lower advantage.")


def check_bears_rewards_that_do_not_apply(advantage: AdvantageEstimator) -> None:
    """NaN says that a reward does not apply: to some members, to a whole group, in all rewards at once."""
    rewards = _rewards()
    rewards[0, 0, :2] = torch.nan
    rewards[1, 1] = torch.nan
    rewards[:, 2, 4:] = torch.nan
    _advantages(advantage, rewards)


def check_is_pure(advantage: AdvantageEstimator) -> None:
    rewards = _rewards()
    before = rewards.clone()
    first, second = _advantages(advantage, rewards), _advantages(advantage, rewards)
    expect(torch.equal(first, second), "The same rewards got other advantages.")
    expect(torch.equal(rewards, before), "It writes to the rewards it was given.")


def _advantages(advantage: AdvantageEstimator, rewards: Tensor) -> Tensor:
    values = advantage(rewards, WEIGHTS, PLAN)
    expect(values.is_floating_point() and bool(values.isfinite().all()), "An advantage is NaN or infinite.")
    return values


def _rewards() -> Tensor:
    """(R, N, G); the rewards have scales of 1 and 10."""
    drawn = torch.randn(R, N, G, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return drawn * torch.tensor([1.0, 10.0], dtype=torch.float64)[:, None, None]


CHECKS = (
    check_gives_one_number_for_each_member,
    check_follows_the_order_of_members_and_prompts,
    check_ignores_a_constant,
    check_is_exactly_zero_in_a_flat_group,
    check_puts_the_better_above_the_worse,
    check_bears_rewards_that_do_not_apply,
    check_is_pure,
)
