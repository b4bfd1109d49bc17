from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal

from genrl.errors import ConfigError
from genrl.surrogates import Gaussian, gaussian_log_prob
from genrl.types import KeptStep, Step

S, T, STD = 0.9, 0.6, 0.4
SHAPE = (2, 3, 5)
D = 30


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def sde_step(state, velocity):
    """The Euler-Maruyama step of the papers, from sigma S to T."""
    x0, noise = state - S * velocity, state + (1 - S) * velocity
    return Step((1 - T) * x0 + (T - STD**2 / (2 * S)) * noise, STD, x0)


@pytest.fixture
def rollout(make_group):
    """A group of four made by the velocity theta * x, and its old step."""
    state = normal(4, *SHAPE, seed=1)
    velocity = 0.5 * state
    old = sde_step(state, velocity)
    next_state = old.mean + STD * normal(4, *SHAPE, seed=2)
    log_prob = gaussian_log_prob(next_state, old.mean, STD)
    return make_group(next_state, state=state, velocity=velocity, log_prob=log_prob, sigmas=(1.0, S, T, 0.0)), old


@pytest.mark.parametrize("std", [0.05, 0.4, 3.0])
def test_log_prob_is_the_mean_log_density(std):
    x, mean = normal(4, *SHAPE), normal(4, *SHAPE, seed=1)
    expected = Normal(mean.double(), std).log_prob(x.double()).flatten(1)
    assert torch.allclose(gaussian_log_prob(x, mean, std).double(), expected.mean(1), rtol=1e-5)
    assert torch.allclose(D * gaussian_log_prob(x, mean, std).double(), expected.sum(1), rtol=1e-5)


def test_log_prob_of_half_precision_is_float32():
    x, mean = normal(4, 4096).bfloat16(), normal(4, 4096, seed=1).bfloat16()
    exact = Normal(mean.double(), 0.1).log_prob(x.double()).mean(1)
    assert gaussian_log_prob(x, mean, 0.1).dtype == torch.float32
    assert torch.allclose(gaussian_log_prob(x, mean, 0.1).double(), exact, rtol=1e-5)


def test_ratio_is_exactly_one_for_unchanged_weights(rollout):
    group, old = rollout
    log_ratio, metrics = Gaussian().log_ratio(old, old, group, torch.arange(4), 1)
    assert log_ratio.shape == (4, 1)
    assert torch.equal(log_ratio, torch.zeros(4, 1))
    assert metrics["drift_residual"] == 0.0
    assert metrics["log_ratio_abs_max"] == 0.0


@pytest.mark.parametrize("members", [[2], [0, 3], [3, 1]])
def test_each_member_scores_its_own_stored_state(rollout, members):
    group, _ = rollout
    members = torch.tensor(members)
    state, next_state = group.kept[1].state[members], group.kept[1].next_state[members]
    step, old = sde_step(state, 0.55 * state), sde_step(state, 0.5 * state)
    log_ratio, metrics = Gaussian().log_ratio(step, old, group, members, 1)
    new, before = (Normal(s.mean, STD).log_prob(next_state).flatten(1).mean(1) for s in (step, old))
    assert torch.allclose(log_ratio[:, 0], new - before, atol=1e-6)
    assert Gaussian().candidates(group, members).tolist() == members[:, None].tolist()
    assert all(torch.isfinite(value) and value.ndim == 0 for value in metrics.values())


def test_rows_follow_the_kept_members_when_members_train_different_steps(make_group):
    trained = torch.tensor([[0], [1], [0], [1]])
    next_state = normal(2, D)
    log_prob = gaussian_log_prob(next_state, torch.zeros(2, D), STD)
    group = make_group(normal(4, D), log_prob=normal(4), trained=trained)
    group.kept[1] = KeptStep(torch.tensor([1, 3]), next_state, next_state, log_prob=log_prob)
    step = Step(torch.zeros(1, D), STD, torch.zeros(1, D))
    assert Gaussian().log_ratio(step, step, group, torch.tensor([3]), 1)[0].abs() == 0.0


def test_drift_residual_is_equation_13(rollout):
    group, old = rollout
    state = group.kept[1].state
    step = sde_step(state, 0.7 * state)
    noise, noise_old = ((state - (1 - S) * s.x0) / S for s in (step, old))
    expected = (STD**2 / (2 * S) * (noise - noise_old)).flatten(1).square().mean(1).sqrt().mean()
    _, metrics = Gaussian().log_ratio(step, old, group, torch.arange(4), 1)
    assert metrics["drift_residual"] == pytest.approx(expected.item(), rel=1e-4)
    assert expected > 1e-4


def test_gradient_of_the_log_ratio_is_that_of_the_log_density(rollout):
    group, old = rollout
    state, next_state = group.kept[1].state, group.kept[1].next_state
    theta = torch.tensor(0.8, requires_grad=True)
    step = sde_step(state, theta * state)
    (actual,) = torch.autograd.grad(Gaussian().log_ratio(step, old, group, torch.arange(4), 1)[0].sum(), theta)
    step = sde_step(state, theta * state)
    (expected,) = torch.autograd.grad(Normal(step.mean, STD).log_prob(next_state).flatten(1).mean(1).sum(), theta)
    assert actual == pytest.approx(expected.item(), rel=1e-5)
    assert abs(expected) > 0.01


def test_a_deterministic_step_has_no_density():
    with pytest.raises(ConfigError, match="surrogate=softmax-distance"):
        gaussian_log_prob(normal(2, 3), normal(2, 3), 0.0)
