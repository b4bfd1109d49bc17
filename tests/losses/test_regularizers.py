from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from genrl.errors import ConfigError
from genrl.losses import KLFlowGRPO, KLMean, KLOld, KLVelocity
from genrl.types import Step

S, T, ETA = 0.9, 0.6, 0.7
STD = ETA * math.sqrt(S - T)
SHAPE = (3, 2, 4, 4)
AGAINST_REFERENCE = [KLVelocity(1.0), KLMean(1.0), KLFlowGRPO(1.0)]


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sde_step(velocity, state=None, std=STD):
    """An Euler-Maruyama step from S to T."""
    state = normal(*SHAPE, seed=9) if state is None else state
    x0, noise = state - S * velocity, state + (1 - S) * velocity
    return Step((1 - T) * x0 + (T - std**2 / (2 * S)) * noise, std, x0)


def penalty(regularizer, step, reference):
    return regularizer(step, reference, S, T, torch.zeros(SHAPE[0], 1, dtype=torch.float64))


V, V_REF = normal(*SHAPE, seed=1), normal(*SHAPE, seed=2)
GAP = (V - V_REF).square().flatten(1).mean(1)


def test_kl_velocity_is_the_mean_square_of_the_velocity_difference():
    assert torch.allclose(penalty(KLVelocity(1.0), sde_step(V), sde_step(V_REF)), GAP)
    assert torch.allclose(penalty(KLVelocity(1.0), sde_step(V, std=0.0), sde_step(V_REF, std=0.0)), GAP)


def test_kl_mean_is_the_gaussian_kl_for_each_dimension():
    step, reference = sde_step(V), sde_step(V_REF)
    expected = kl_divergence(Normal(step.mean, STD), Normal(reference.mean, STD)).flatten(1).mean(1)
    assert torch.allclose(penalty(KLMean(1.0), step, reference), expected)


def test_forms_relate_as_documented():
    step, reference = sde_step(V), sde_step(V_REF)
    exact = penalty(KLMean(1.0), step, reference)
    assert torch.allclose(exact, (S - T) / 2 * (1 / ETA + ETA * (1 - S) / (2 * S)) ** 2 * GAP)
    code = (step.mean - reference.mean).square().flatten(1).mean(1) / (2 * ETA**2)
    assert torch.allclose(penalty(KLFlowGRPO(1.0), step, reference), code)
    assert torch.allclose(code, (S - T) * exact)


def test_kl_old_is_half_the_squared_log_ratio_averaged_over_candidates():
    log_ratio = normal(3, 5)
    value = KLOld(2.0)(sde_step(V), None, S, T, log_ratio)
    assert torch.allclose(value, log_ratio.square().mean(1))
    assert not KLOld.needs_reference


@pytest.mark.parametrize("regularizer", AGAINST_REFERENCE)
def test_no_penalty_and_no_gradient_at_the_reference(regularizer):
    velocity = V.clone().requires_grad_()
    value = penalty(regularizer, sde_step(velocity), sde_step(V))
    value.sum().backward()
    assert torch.equal(value, torch.zeros(3, dtype=torch.float64))
    assert not velocity.grad.any()
    assert regularizer.needs_reference


@pytest.mark.parametrize("regularizer", AGAINST_REFERENCE)
def test_gradient_pulls_each_row_to_the_reference(regularizer):
    velocity = V.clone().requires_grad_()
    value = penalty(regularizer, sde_step(velocity), sde_step(V_REF))
    value.sum().backward()
    factor = (value / GAP).detach()[:, None, None, None]
    dimensions = V[0].numel()
    assert torch.allclose(velocity.grad, factor * 2 * (V - V_REF) / dimensions)


@pytest.mark.parametrize("kind", [KLVelocity, KLMean, KLFlowGRPO])
def test_beta_multiplies(kind):
    step, reference = sde_step(V), sde_step(V_REF)
    assert torch.allclose(penalty(kind(0.3), step, reference), 0.3 * penalty(kind(1.0), step, reference))


@pytest.mark.parametrize("regularizer", [KLMean(), KLFlowGRPO()])
def test_gaussian_forms_refuse_a_deterministic_step(regularizer):
    with pytest.raises(ConfigError, match="use the regularizer kl-velocity"):
        penalty(regularizer, sde_step(V, std=0.0), sde_step(V_REF, std=0.0))


@pytest.mark.parametrize("kind", [KLVelocity, KLMean, KLFlowGRPO, KLOld])
@pytest.mark.parametrize("beta", [-0.1, float("nan")])
def test_a_negative_beta_is_refused(kind, beta):
    with pytest.raises(ConfigError, match="must not be negative"):
        kind(beta)
