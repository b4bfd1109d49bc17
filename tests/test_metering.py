"""Numbers about rewards: what does not apply enters none, and contributions are the parts of the advantages."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genrl.advantages import QuasiNorm, ZScore
from genrl.advantages.combine import z_scores
from genrl.metering import contributions, nanstd, reward_metrics
from genrl.types import StepPlan

PLAN = StepPlan((1.0, 0.0), (False,), torch.tensor([0]))
ESTIMATORS = [
    ZScore(),
    ZScore(scale="global"),
    ZScore(combine="normalize-then-sum"),
    QuasiNorm(),
    QuasiNorm(combine="sum-then-normalize"),
]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def parts(estimator, rewards: Tensor, weights: list[float]) -> list[float]:
    weights_R = torch.tensor(weights, dtype=torch.float64)
    return contributions(rewards, estimator(rewards, weights_R, PLAN), weights_R).tolist()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_parts_add_up_and_a_lone_reward_has_all(estimator) -> None:
    assert parts(estimator, noise(1, 3, 8), [0.3]) == pytest.approx([1.0], rel=1e-6)
    assert sum(parts(estimator, noise(3, 4, 8), [1.0, 0.5, -2.0])) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_what_cannot_contribute_has_none(estimator) -> None:
    rewards = noise(3, 4, 8)
    rewards[1] = torch.arange(4.0)[:, None]  # tells prompts apart, not the members of a group
    assert parts(estimator, rewards, [1.0, 1.0, 0.0]) == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)
    assert parts(estimator, torch.ones(2, 3, 4).double(), [1.0, 1.0]) == [0.0, 0.0]


def test_in_a_sum_the_wide_reward_counts_and_normalised_the_weights_do() -> None:
    """Against the decomposition of each estimator's own formula."""
    rewards, weights = noise(2, 5, 12), [3.0, 1.0]
    rewards[1] *= 30.0
    deviations = rewards - rewards.mean(dim=-1, keepdim=True)
    total = 3.0 * deviations[0] + deviations[1]
    scale = total.std(dim=-1, keepdim=True)
    wide = (total / scale * deviations[1] / scale).sum() / (total / scale).square().sum()
    assert parts(ZScore(), rewards, weights)[1] == pytest.approx(float(wide), rel=1e-5)
    assert wide > 0.9

    own = z_scores(rewards, rewards.abs().amax(dim=-1, keepdim=True)) * torch.tensor([0.75, 0.25])[:, None, None]
    narrow = (own.sum(0) * own[1]).sum() / own.sum(0).square().sum()
    assert parts(ZScore(combine="normalize-then-sum"), rewards, weights)[1] == pytest.approx(float(narrow), rel=1e-5)
    assert narrow < 0.3


def test_an_outvoted_reward_is_negative() -> None:
    one = noise(1, 4, 8)
    rewards = torch.cat([one, -0.5 * one + 0.1 * noise(1, 4, 8, seed=1)])
    strong, weak = parts(ZScore(), rewards, [1.0, 1.0])
    assert strong > 1.0
    assert weak < 0.0


def test_two_rewards_that_agree_share() -> None:
    one = noise(1, 4, 8)
    assert parts(ZScore(), torch.cat([one, one]), [1.0, 1.0]) == pytest.approx([0.5, 0.5])


def test_missing_values_enter_no_number() -> None:
    rewards = torch.tensor([[[1.0, 3.0], [math.nan, math.nan]], [[math.nan, 5.0], [math.nan, math.nan]], [[math.nan] * 2] * 2])
    rewards, weights = rewards.double(), torch.ones(3, dtype=torch.float64)
    row = reward_metrics(rewards, ZScore()(rewards, weights, PLAN), weights, ["a", "b", "c"])
    assert row["reward"] == pytest.approx((1.0 + 8.0) / 2)
    assert row["reward_std"] == pytest.approx(math.sqrt(24.5) / 2)
    assert row["frac_reward_zero_std"] == 0.5
    assert (row["rewards/a/mean"], row["rewards/a/std"]) == pytest.approx((2.0, math.sqrt(2)))
    assert (row["rewards/b/mean"], row["rewards/b/std"]) == (5.0, 0.0)
    assert not any(name.startswith("rewards/c/") for name in row)


def test_nanstd_is_torch_std_of_what_is_there() -> None:
    values = noise(3, 6)
    torch.testing.assert_close(nanstd(values), values.std(dim=-1))
    values[1, 2:4] = torch.nan
    torch.testing.assert_close(nanstd(values)[1], values[1, [0, 1, 4, 5]].std())
