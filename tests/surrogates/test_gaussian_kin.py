"""The surrogates that are the Gaussian's log-ratio, rescaled or without its bias."""

from __future__ import annotations

import pytest
import torch

from genrl.errors import ConfigError
from genrl.surrogates import Gaussian, RatioNorm, UnscaledGaussian, gaussian_log_prob
from genrl.types import Condition, KeptStep, Prompt, RolloutGroup, Step, StepPlan

STD, SIZE, SHAPE = 0.3, 5, (3, 4)
MEMBERS = torch.tensor([0, 2, 3])


def normal(seed):
    return torch.randn(SIZE, *SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


OLD_MEAN, XI = normal(1), normal(2)
Y = OLD_MEAN + STD * XI


def group():
    plan = StepPlan((1.0, 0.6, 0.0), (True, True), torch.tensor([0]))
    kept = KeptStep(torch.arange(SIZE), normal(0), Y, velocity=normal(4), log_prob=gaussian_log_prob(Y, OLD_MEAN, STD))
    return RolloutGroup(Prompt("a"), Condition(("a",) * SIZE), plan, Y, {0: kept})


def log_ratio(surrogate, moved, std=STD):
    old, step = (Step(OLD_MEAN[MEMBERS] + by, std, OLD_MEAN[MEMBERS]) for by in (torch.zeros(()), moved))
    return surrogate.log_ratio(step, old, group(), MEMBERS, 0)


@pytest.mark.parametrize("size", [0.01, 0.3])
def test_ratio_norm_is_the_mean_of_noise_times_drift(size):
    """GRPO-Guard's identity, and its printed form."""
    drift = size * normal(3)[MEMBERS]
    value, metrics = log_ratio(RatioNorm(), drift)
    assert torch.allclose(value[:, 0], (XI[MEMBERS] * drift).flatten(1).mean(1), rtol=0, atol=1e-12)
    bias = drift.square().flatten(1).mean(1) / (2 * STD**2)
    printed = STD * (log_ratio(Gaussian(), drift)[0][:, 0] + bias)
    assert torch.allclose(value[:, 0], printed, rtol=0, atol=1e-6)
    assert metrics["mean_drift"] == pytest.approx((drift.square().flatten(1).mean(1).sqrt() / STD).mean().item())


def test_ratio_norm_has_no_bias():
    """Over many draws the log-ratio averages to 0, where the Gaussian's averages to minus its KL."""
    generator = torch.Generator().manual_seed(0)
    drift, old_mean = 0.3 * torch.ones(20_000, 12, dtype=torch.float64), torch.zeros(20_000, 12, dtype=torch.float64)
    y = old_mean + STD * torch.randn(old_mean.shape, generator=generator, dtype=torch.float64)
    members = torch.arange(len(y))
    kept = KeptStep(members, y, y, velocity=y, log_prob=gaussian_log_prob(y, old_mean, STD))
    many = RolloutGroup(Prompt("a"), Condition(("a",) * len(y)), group().plan, y, {0: kept})
    old, step = Step(old_mean, STD, y), Step(drift, STD, y)
    error = 0.3 / (12 * 20_000) ** 0.5
    assert abs(RatioNorm().log_ratio(step, old, many, members, 0)[0].mean()) < 4 * error
    kl = 0.3**2 / (2 * STD**2)
    assert Gaussian().log_ratio(step, old, many, members, 0)[0].mean() == pytest.approx(-kl, abs=4 * error / STD)


def test_ratio_norm_refuses_a_step_without_noise():
    with pytest.raises(ConfigError, match="softmax-distance"):
        log_ratio(RatioNorm(), torch.zeros(()), std=0.0)


def test_unscaled_gaussian_is_the_difference_of_squared_distances():
    drift = 0.2 * normal(3)[MEMBERS]
    value, metrics = log_ratio(UnscaledGaussian(), drift)
    squares = [(Y[MEMBERS] - mean).square().flatten(1).mean(1) for mean in (OLD_MEAN[MEMBERS], OLD_MEAN[MEMBERS] + drift)]
    assert torch.allclose(value[:, 0], squares[0] - squares[1], rtol=0, atol=1e-12)
    assert metrics["log_ratio_abs_max"] == value.abs().max()


@pytest.mark.parametrize("surrogate", [RatioNorm(), UnscaledGaussian()])
def test_log_ratio_is_exactly_zero_on_policy(surrogate):
    assert (log_ratio(surrogate, torch.zeros(()))[0] == 0.0).all()
