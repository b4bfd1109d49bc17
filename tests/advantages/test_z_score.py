from __future__ import annotations

import numpy as np
import pytest
import torch

from genrl.advantages import ZScore
from genrl.errors import ConfigError
from genrl.types import StepPlan

PLAN = StepPlan((1.0, 0.5, 0.0), (False, False), torch.tensor([0]))
COMBINES = ["sum-then-normalize", "normalize-then-sum"]
NAN = float("nan")


def rewards(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def advantages(estimator, values, weights=None):
    weights = torch.ones(len(values)) if weights is None else torch.tensor(weights)
    made = estimator(values, weights, PLAN)
    assert made.shape == (*values.shape[1:], 1)
    assert made.dtype == torch.float32
    return made[..., 0].double()


@pytest.mark.parametrize("combine", COMBINES)
def test_default_is_the_unbiased_z_score_of_each_group(combine):
    r = rewards(1, 3, 12)
    expected = (r[0] - r[0].mean(1, keepdim=True)) / (r[0].std(1, keepdim=True) + 1e-8)
    assert torch.allclose(advantages(ZScore(combine=combine), r), expected, atol=1e-6)


@pytest.mark.parametrize(("scale", "spread"), [("group", lambda r: r.std(1, keepdims=True)), ("global", np.std)])
def test_flow_grpo_divides_by_the_population_deviation(scale, spread):
    r = rewards(1, 3, 12) * torch.tensor([1.0, 0.1, 3.0])[:, None]
    estimator = ZScore(unbiased=False, scale=scale, epsilon=1e-4)
    raw = r[0].numpy()
    expected = (raw - raw.mean(1, keepdims=True)) / (spread(raw) + 1e-4)
    assert np.allclose(advantages(estimator, r).numpy(), expected, atol=1e-6)


def test_global_scale_keeps_the_relative_spread_of_groups():
    r = rewards(1, 1, 12).repeat(1, 2, 1) * torch.tensor([1.0, 0.5])[:, None]
    wide, narrow = advantages(ZScore(scale="global"), r)
    assert torch.allclose(narrow, 0.5 * wide, atol=1e-6)


def test_the_two_ways_to_combine_rewards_differ():
    r = rewards(2, 3, 12) * torch.tensor([1.0, 100.0])[:, None, None]
    z = (r - r.mean(2, keepdim=True)) / r.std(2, keepdim=True)
    summed, averaged = (advantages(ZScore(combine=combine), r, [1.0, 1.0]) for combine in COMBINES)
    assert torch.allclose(averaged, z.mean(0), atol=1e-6)
    assert (summed - z[1]).abs().max() < 0.1 < (averaged - z[1]).abs().max()


@pytest.mark.parametrize("weights", [[1.0, 3.0], [10.0, 30.0]])
def test_averaged_z_scores_have_weights_that_add_up_to_one(weights):
    r = rewards(2, 3, 12)
    z = (r - r.mean(2, keepdim=True)) / r.std(2, keepdim=True)
    made = advantages(ZScore(combine="normalize-then-sum"), r, weights)
    assert torch.allclose(made, 0.25 * z[0] + 0.75 * z[1], atol=1e-6)


@pytest.mark.parametrize("combine", COMBINES)
@pytest.mark.parametrize("scale", ["group", "global"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, -3.0])
def test_a_flat_group_is_exactly_zero(value, scale, combine):
    r = rewards(2, 3, 12)
    r[:, 1] = torch.tensor(value, dtype=torch.float32) * (1 + torch.arange(12) % 2 * 2**-23)  # one float32 rounding
    made = advantages(ZScore(scale=scale, combine=combine, epsilon=0.0), r)
    assert (made[1] == 0).all()
    assert made.isfinite().all()
    assert (made[[0, 2]] != 0).all()
    assert (advantages(ZScore(scale=scale, combine=combine), torch.full((2, 3, 12), value)) == 0).all()


@pytest.mark.parametrize("combine", COMBINES)
def test_rewards_that_cancel_are_flat_rather_than_noise(combine):
    r = rewards(1, 1, 12)
    assert (advantages(ZScore(combine=combine), torch.cat([r, 0.3 - r]), [1.0, 1.0]).abs() < 1e-6).all()


@pytest.mark.parametrize("combine", COMBINES)
def test_a_row_without_any_reward_gets_zero_and_changes_nothing_else(combine):
    r = rewards(2, 2, 6)
    r[:, 0, 4:] = NAN
    made, without = advantages(ZScore(combine=combine), r), advantages(ZScore(combine=combine), r[:, :1, :4])
    assert (made[0, 4:] == 0).all()
    assert torch.allclose(made[0, :4], without[0], atol=1e-7)
    r[:, 1] = NAN
    assert (advantages(ZScore(combine=combine), r)[1] == 0).all()
    r[:, 1, 2] = 5.0  # the only member with a reward has nobody to be compared with
    assert (advantages(ZScore(combine=combine), r)[1] == 0).all()


def test_a_missing_reward_leaves_the_others():
    r = rewards(2, 1, 6)
    r[1, 0, :3] = NAN
    summed = advantages(ZScore(), r, [1.0, 2.0])
    total = r[0, 0] + torch.cat([torch.zeros(3, dtype=torch.float64), 2 * r[1, 0, 3:]])
    assert torch.allclose(summed[0], (total - total.mean()) / total.std(), atol=1e-6)
    averaged = advantages(ZScore(combine="normalize-then-sum"), r, [1.0, 1.0])
    z = (r[0, 0] - r[0, 0].mean()) / r[0, 0].std()
    assert torch.allclose(averaged[0, :3], z[:3] / 2, atol=1e-6)


@pytest.mark.parametrize("combine", COMBINES)
def test_a_reward_of_weight_zero_is_only_watched(combine):
    r = rewards(2, 2, 6)
    watched = advantages(ZScore(combine=combine), r, [1.0, 0.0])
    assert torch.equal(watched, advantages(ZScore(combine=combine), r[:1], [1.0]))
    r[0, 0] = NAN
    assert (advantages(ZScore(combine=combine), r, [1.0, 0.0])[0] == 0).all()
    with pytest.raises(ConfigError, match="Every reward has weight 0"):
        advantages(ZScore(combine=combine), r, [0.0, 0.0])


@pytest.mark.parametrize("combine", COMBINES)
@pytest.mark.parametrize("scale", ["group", "global"])
def test_order_and_offset_of_the_rewards_do_not_matter(scale, combine):
    r, order = rewards(2, 3, 12), torch.randperm(12, generator=torch.Generator().manual_seed(0))
    estimator = ZScore(scale=scale, combine=combine)
    made = advantages(estimator, r)
    assert torch.allclose(advantages(estimator, r[..., order]), made[..., order], atol=1e-6)
    offset = torch.tensor([3.0, -7.0, 100.0])[:, None] if scale == "group" else 100.0
    assert torch.allclose(advantages(estimator, r + offset), made, atol=1e-6)


def test_negative_epsilon_is_refused():
    with pytest.raises(ConfigError, match=r"advantage.epsilon must not be negative"):
        ZScore(epsilon=-1e-4)
