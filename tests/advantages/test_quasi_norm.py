from __future__ import annotations

import pytest
import torch

from genrl.advantages import QuasiNorm
from genrl.errors import ConfigError
from genrl.types import StepPlan

PLAN = StepPlan((1.0, 0.5, 0.0), (False, False), torch.tensor([0]))
NAN = float("nan")
G = 12


def rewards(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def advantages(estimator, values, weights=None):
    weights = torch.ones(len(values)) if weights is None else torch.tensor(weights)
    made = estimator(values, weights, PLAN)
    assert made.shape == (*values.shape[1:], 1)
    assert made.dtype == torch.float32
    return made[..., 0].double()


@pytest.mark.parametrize("p", [0.3, 0.8, 1.0, 2.0])
def test_is_the_printed_formula(p):
    r = rewards(1, 3, G)
    a = r[0] - r[0].mean(1, keepdim=True)
    made = advantages(QuasiNorm(p), r)
    assert torch.allclose(made, a / a.abs().pow(p).sum(1, keepdim=True).pow(1 / p), atol=1e-6)
    assert torch.allclose(made.abs().pow(p).sum(1), torch.ones(3, dtype=torch.float64), atol=1e-5)
    assert made.sum(1).abs().max() < 1e-6


@pytest.mark.parametrize(("rescale", "factor"), [("none", 1.0), ("sqrt-g", G**0.5), ("g-1/p", G ** (1 / 2))])
def test_p_two_is_the_population_z_score(rescale, factor):
    r = rewards(1, 3, G)
    z = (r[0] - r[0].mean(1, keepdim=True)) / r[0].std(1, keepdim=True, correction=0)
    assert torch.allclose(advantages(QuasiNorm(2.0, rescale), r), z / G**0.5 * factor, atol=1e-6)


@pytest.mark.parametrize(("rescale", "factor"), [("sqrt-g", G**0.5), ("g-1/p", G ** (1 / 0.8))])
def test_rescale_multiplies(rescale, factor):
    r = rewards(1, 3, G)
    assert torch.allclose(advantages(QuasiNorm(rescale=rescale), r), factor * advantages(QuasiNorm(), r), rtol=1e-5)


@pytest.mark.parametrize("combine", ["sum-then-normalize", "normalize-then-sum"])
@pytest.mark.parametrize("scale", [1e-12, 3.0, 1e12])
def test_scale_and_shift_of_the_rewards_do_not_matter(scale, combine):
    r, estimator = rewards(1, 3, G), QuasiNorm(combine=combine)
    made = advantages(estimator, r)
    assert torch.allclose(advantages(estimator, scale * r), made, atol=1e-6)
    assert torch.allclose(advantages(estimator, scale * (r + 50.0)), made, atol=1e-6)


def test_groups_without_stand_outs_are_damped():
    equal = torch.tensor([1.0, -1.0]).repeat(6)
    outlier = torch.zeros(G).index_fill(0, torch.tensor(0), 1.0)
    largest = advantages(QuasiNorm(), torch.stack([equal, outlier])[None]).abs().amax(1)
    assert largest.tolist() == pytest.approx([0.045, 0.30], abs=0.005)


def test_several_rewards_average_their_z_scores_first():
    r = rewards(2, 3, G) * torch.tensor([1.0, 100.0])[:, None, None]
    z = (r - r.mean(2, keepdim=True)) / r.std(2, keepdim=True)
    merged = 0.25 * z[0] + 0.75 * z[1]
    expected = merged / merged.abs().pow(0.8).sum(1, keepdim=True).pow(1 / 0.8)
    assert torch.allclose(advantages(QuasiNorm(), r, [1.0, 3.0]), expected, atol=1e-6)
    summed = advantages(QuasiNorm(combine="sum-then-normalize"), r, [1.0, 3.0])
    total = r[0] + 3 * r[1]
    assert torch.allclose(summed, advantages(QuasiNorm(), total[None]), atol=1e-6)
    assert (summed - expected).abs().max() > 0.01


@pytest.mark.parametrize("combine", ["sum-then-normalize", "normalize-then-sum"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_flat_group_is_exactly_zero(value, combine):
    r = rewards(2, 3, G)
    r[:, 1] = value
    made = advantages(QuasiNorm(combine=combine), r)
    assert (made[1] == 0).all()
    assert made.isfinite().all()
    assert (made[[0, 2]] != 0).all()


def test_rewards_that_cancel_are_flat_rather_than_noise():
    r = rewards(1, 1, G)
    assert (advantages(QuasiNorm(), torch.cat([r, -r])) == 0).all()


@pytest.mark.parametrize("rescale", ["none", "sqrt-g", "g-1/p"])
def test_a_row_without_any_reward_gets_zero_and_changes_nothing_else(rescale):
    r = rewards(2, 2, 6)
    r[:, 0, 4:] = NAN
    r[:, 1] = NAN
    made, without = advantages(QuasiNorm(rescale=rescale), r), advantages(QuasiNorm(rescale=rescale), r[:, :1, :4])
    assert (made[0, 4:] == 0).all()
    assert (made[1] == 0).all()
    assert torch.allclose(made[0, :4], without[0], atol=1e-7)


def test_order_does_not_matter():
    r, order = rewards(2, 3, G), torch.randperm(G, generator=torch.Generator().manual_seed(0))
    made = advantages(QuasiNorm(), r)
    assert torch.allclose(advantages(QuasiNorm(), r[..., order]), made[..., order], atol=1e-7)


@pytest.mark.parametrize("p", [0.0, -1.0, NAN])
def test_p_must_be_positive(p):
    with pytest.raises(ConfigError, match=r"advantage.p must be greater than 0"):
        QuasiNorm(p)
