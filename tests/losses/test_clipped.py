from __future__ import annotations

import pytest
import torch

from genrl.errors import ConfigError
from genrl.losses import Clipped

B, C = 4, 5  # a power of two, so that the mean over anchors rounds nothing


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_gradient(objective, log_ratio, advantage):
    log_ratio = log_ratio.clone().requires_grad_()
    loss, metrics = objective(log_ratio, advantage)
    loss.backward()
    assert loss.ndim == 0
    assert all(value.isfinite() and value.ndim == 0 for value in metrics.values())
    assert not any(value.requires_grad for value in metrics.values())
    return loss.item(), log_ratio.grad, {name: value.item() for name, value in metrics.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("objective", [Clipped(), Clipped(0.2, 0.3, log_ratio_clamp=10.0)])
def test_on_policy_gradient_is_exactly_minus_the_advantage(objective, dtype):
    advantage = normal(B, C).to(dtype)
    loss, gradient, metrics = with_gradient(objective, torch.zeros(B, C, dtype=dtype), advantage)
    assert torch.equal(gradient, -advantage / B)
    assert loss == pytest.approx(-advantage.sum(1).mean().item(), abs=1e-6)
    assert metrics["ratio_mean"] == 1.0
    assert metrics["clip_ratio/region_mean"] == 0.0


@pytest.mark.parametrize(("low", "high"), [(0.2, None), (0.2, 0.4), (1e-4, 3e-4)])
def test_value_and_gradient_are_the_textbook_formula(low, high):
    log_ratio, advantage = 2 * low * normal(B, C, seed=1), normal(B, C)
    loss, gradient, metrics = with_gradient(Clipped(low, high), log_ratio, advantage)
    ratio, top = log_ratio.exp(), 1 + (high or low)
    surrogate = torch.minimum(advantage * ratio, advantage * ratio.clip(1 - low, top))
    assert loss == pytest.approx(-surrogate.sum().item() / B, rel=1e-9)
    masked_low, masked_high = (ratio < 1 - low) & (advantage < 0), (ratio > top) & (advantage > 0)
    masked = masked_low | masked_high
    assert masked.any()
    assert not masked.all()
    assert torch.allclose(gradient, torch.where(masked, 0.0, -advantage * ratio) / B, atol=1e-15)
    assert metrics["clip_ratio/low_mean"] == pytest.approx(masked_low.double().mean().item())
    assert metrics["clip_ratio/high_mean"] == pytest.approx(masked_high.double().mean().item())
    assert metrics["clip_ratio/region_mean"] == pytest.approx(masked.double().mean().item())
    assert metrics["ratio_mean"] == pytest.approx(ratio.mean().item(), rel=1e-6)


@pytest.mark.parametrize(
    ("log_ratio", "advantage", "slope"),
    [(0.5, 1.0, 0.0), (0.5, -1.0, 1.0), (-0.5, -1.0, 0.0), (-0.5, 1.0, -1.0)],
)
def test_gradient_vanishes_beyond_the_clip_on_the_right_side_only(log_ratio, advantage, slope):
    at = torch.tensor([[log_ratio]], dtype=torch.float64)
    _, gradient, _ = with_gradient(Clipped(0.2), at, torch.tensor([[advantage]], dtype=torch.float64))
    assert gradient.item() == pytest.approx(slope * at.exp().item())


def test_advantages_are_cut_before_use():
    advantage = torch.tensor([[7.0, -9.0, 2.0]])
    zeros = torch.zeros(1, 3)
    assert torch.equal(with_gradient(Clipped(), zeros, advantage)[1], torch.tensor([[-5.0, 5.0, -2.0]]))
    assert torch.equal(with_gradient(Clipped(advantage_clip=None), zeros, advantage)[1], -advantage)


def test_clamped_log_ratios_are_finite_and_have_no_gradient():
    log_ratio = torch.tensor([[2e4, -2e4, 0.1, 11.0]], dtype=torch.float64)
    loss, gradient, metrics = with_gradient(Clipped(0.2, log_ratio_clamp=10.0), log_ratio, -torch.ones(1, 4).double())
    assert loss == pytest.approx(2 * torch.tensor(10.0).exp().item() + 0.8 + torch.tensor(0.1).exp().item(), rel=1e-6)
    assert gradient[0, [0, 1, 3]].tolist() == [0.0, 0.0, 0.0]
    assert gradient[0, 2] > 1.0
    assert metrics["clip_ratio/clamp_mean"] == 0.75


@pytest.mark.parametrize("name", ["epsilon", "epsilon_high", "advantage_clip", "log_ratio_clamp"])
def test_bounds_must_be_positive(name):
    with pytest.raises(ConfigError, match=f"objective.{name} must be greater than 0"):
        Clipped(**{name: 0.0})
