from __future__ import annotations

import math

import pytest
import torch

from genrl.errors import ConfigError
from genrl.surrogates import SoftmaxDistance
from genrl.types import Step

G, D = 6, 20
TAUS = ["paper", "mean", "adaptive", 0.5, 40.0]
REFERENCES = ["stored", "train-solver", "detach"]


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def ode(mean):
    return Step(mean, 0.0, mean)


def log_pi(y_GD, z_BD, tau_B):
    """log softmax_i(-|y_i - z|^2 / tau), as printed."""
    return torch.log_softmax(-(y_GD[None] - z_BD[:, None]).square().sum(-1) / tau_B[:, None], dim=1)


def temperatures(tau, y_GD, members):
    if tau == "adaptive":
        squared = torch.cdist(y_GD, y_GD).square().sum(1)[members] / (len(y_GD) - 1)
        return squared / math.log(max(len(y_GD) - 1, 2))
    value = {"paper": 1.0, "mean": y_GD.shape[1]}.get(tau, tau)
    return torch.full((len(members),), float(value), dtype=torch.float64)


@pytest.fixture
def case(make_group):
    """Candidates, anchors, and a drifted step whose old image is not quite the stored one."""
    y, members = 0.5 * normal(G, D), torch.tensor([1, 4])
    old = y[members] + 0.05 * normal(2, D, seed=1)
    return make_group(y), members, ode(old + 0.1 * normal(2, D, seed=2)), ode(old)


def log_ratio(surrogate, case):
    group, members, step, old = case
    return surrogate.log_ratio(step, old, group, members, 1)


@pytest.mark.parametrize("reference", ["stored", "train-solver"])
@pytest.mark.parametrize("tau", TAUS)
def test_equals_the_printed_log_softmax_difference(case, tau, reference):
    group, members, step, old = case
    y, tau_B = group.kept[1].next_state, temperatures(tau, group.kept[1].next_state, members)
    z_old = y[members] if reference == "stored" else old.mean
    actual, metrics = log_ratio(SoftmaxDistance(tau, reference), case)
    assert actual.shape == (2, G)
    assert actual.dtype == torch.float64
    assert torch.allclose(actual, log_pi(y, step.mean, tau_B) - log_pi(y, z_old, tau_B), atol=1e-10)
    pi_old = log_pi(y, z_old, tau_B).exp()
    assert torch.allclose((pi_old * actual.exp()).sum(1), torch.ones(2, dtype=torch.float64), atol=1e-12)
    assert metrics["pi_old_anchor"] == pytest.approx(pi_old[[0, 1], members].mean().item(), rel=1e-5)
    assert metrics["log_ratio_abs_max"] == pytest.approx(actual.abs().max().item(), rel=1e-6)
    drift = (step.mean - z_old).square().mean(1).sqrt().mean()
    assert metrics["anchor_drift"] == pytest.approx(drift.item(), rel=1e-6)


@pytest.mark.parametrize("tau", TAUS)
def test_gradient_pulls_towards_candidates_and_equals_finite_differences(make_group, case, tau):
    group, members, step, old = case
    y, tau_B = group.kept[1].next_state, temperatures(tau, group.kept[1].next_state, members)

    def first_row(z):
        return SoftmaxDistance(tau).log_ratio(ode(z), old, group, members, 1)[0][0]

    jacobian = torch.autograd.functional.jacobian(first_row, step.mean)[:, 0]  # (G, D)
    mean_candidate = log_pi(y, step.mean, tau_B).exp()[0] @ y
    assert torch.allclose(jacobian, 2 / tau_B[0] * (y - mean_candidate), atol=1e-10)
    nudge = torch.zeros_like(step.mean)
    nudge[0, 3] = 1e-5 * tau_B[0]
    slope = (first_row(step.mean + nudge) - first_row(step.mean - nudge)) / (2 * nudge[0, 3])
    assert torch.allclose(slope * tau_B[0], jacobian[:, 3] * tau_B[0], atol=1e-8)


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("reference", ["train-solver", "detach"])
def test_on_policy_gradient_is_the_advantage_weighted_sum_of_candidates(case, tau, reference):
    group, members, _, old = case
    y, tau_B = group.kept[1].next_state, temperatures(tau, group.kept[1].next_state, members)
    advantage = normal(G, seed=5)
    advantage -= advantage.mean()
    z = old.mean.clone().requires_grad_()
    values = SoftmaxDistance(tau, reference).log_ratio(ode(z), old, group, members, 1)[0]
    assert values.abs().max() < 1e-14
    (advantage * values.exp()).sum().backward()
    assert torch.allclose(z.grad * tau_B[:, None], (2 * advantage @ y).expand(2, D), atol=1e-10)
    differences = (y[1:] - y[0]).T
    within = differences @ torch.linalg.lstsq(differences, z.grad.T).solution
    assert torch.allclose(within, z.grad.T, atol=1e-10 * z.grad.abs().max().item())


def second_order(x, x0, x0_before, before, s, t):
    """One DPM-Solver++(2M) step in rectified-flow variables, and its departure from Euler."""
    lam = [math.log((1 - u) / u) for u in (before, s, t)]
    r = (lam[1] - lam[0]) / (lam[2] - lam[1])
    correction = (1 - t / s) * (x0 - x0_before) / (2 * r)
    euler = t / s * x + (1 - t / s) * x0
    return euler + correction, euler


@pytest.mark.parametrize("tau", TAUS)
def test_train_solver_reference_is_on_policy_after_any_rollout_solver(make_group, tau):
    x, x0, x0_before = (normal(G, D, seed=seed) for seed in (1, 2, 3))
    dpm, euler = second_order(x, x0, x0 + 0.1 * x0_before, 0.95, 0.9, 0.6)
    everyone = torch.arange(G)
    for y in (dpm, euler):
        group = make_group(y)
        values, metrics = SoftmaxDistance(tau, "train-solver").log_ratio(ode(euler), ode(euler), group, everyone, 1)
        assert values.abs().max() < 1e-14
        assert metrics["anchor_drift"] == 0.0
    stored = SoftmaxDistance(tau, "stored")
    assert stored.log_ratio(ode(euler), ode(euler), make_group(euler), everyone, 1)[0].abs().max() < 1e-14
    values, _ = stored.log_ratio(ode(euler), ode(euler), make_group(dpm), everyone, 1)
    lam = [math.log((1 - u) / u) for u in (0.95, 0.9, 0.6)]
    delta = (1 - 0.6 / 0.9) * (0.1 * x0_before) * (lam[2] - lam[1]) / (lam[1] - lam[0]) / 2
    a = 2 / temperatures(tau, dpm, everyone)[:, None] * ((dpm[None] - dpm[:, None]) * delta[:, None]).sum(-1)
    assert torch.allclose(values - values.diagonal()[:, None], a, atol=1e-10)
    assert a.abs().max() > 1e-3


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("tau", ["paper", "mean", "adaptive"])
def test_finite_at_production_size(make_group, tau, reference):
    dimensions, rho = 129_600, 0.3
    centre = normal(1, dimensions, dtype=torch.float32)
    y = math.sqrt(1 - rho**2) * centre + rho * normal(12, dimensions, seed=1, dtype=torch.float32)
    members = torch.tensor([0, 5])
    z = (y[members] + 1e-2 * normal(2, dimensions, seed=2, dtype=torch.float32)).requires_grad_()
    surrogate = SoftmaxDistance(tau, reference)
    values, metrics = surrogate.log_ratio(ode(z), ode(y[members]), make_group(y), members, 1)
    values.sum().backward()
    assert values.isfinite().all()
    assert z.grad.isfinite().all()
    assert all(metric.isfinite() and metric.ndim == 0 for metric in metrics.values())
    if tau == "adaptive":
        assert metrics["pi_old_anchor"] == pytest.approx(0.5, abs=0.02)
    if reference == "train-solver":
        y64, z64 = y.double(), z.detach().double()
        a = 2 * (z64 - y64[members]) @ (y64 - y64[0]).T / temperatures(tau, y64, members)[:, None]
        expected = a - torch.logsumexp(log_pi(y64, y64[members], temperatures(tau, y64, members)) + a, 1, keepdim=True)
        assert torch.allclose(values.detach(), expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


def test_an_anchor_moves_towards_the_only_good_candidate_unless_it_is_that_one(make_group):
    y, best, rate = normal(G, D), 2, 1e-3
    members = torch.arange(G)
    z = y.clone().requires_grad_()
    advantage = torch.full((G,), -1.0 / (G - 1), dtype=torch.float64)
    advantage[best] = 1.0
    values, _ = SoftmaxDistance("mean").log_ratio(ode(z), ode(y), make_group(y), members, 1)
    (advantage * values.exp()).sum().backward()
    before, after = ((point - y[best]).norm(dim=1) for point in (y, y + rate * z.grad))
    others = members != best
    assert (after < before)[others].all()
    assert after[best] > before[best]


@pytest.mark.parametrize("tau", TAUS)
def test_permuting_the_group_permutes_the_answer(make_group, case, tau):
    group, members, step, old = case
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    permuted = make_group(group.kept[1].next_state[order])
    moved = torch.stack([(order == member).nonzero()[0, 0] for member in members])
    values, _ = SoftmaxDistance(tau).log_ratio(step, old, permuted, moved, 1)
    assert torch.allclose(values, log_ratio(SoftmaxDistance(tau), case)[0][:, order], atol=1e-12)


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("tau", TAUS)
def test_identical_candidates_give_no_gradient(make_group, tau, reference):
    y = normal(1, D, dtype=torch.float32).repeat(G, 1)
    members = torch.tensor([0, 3])
    z = (y[members] + 0.1).requires_grad_()
    surrogate = SoftmaxDistance(tau, reference)
    values, metrics = surrogate.log_ratio(ode(z), ode(y[members]), make_group(y), members, 1)
    (values.exp() * normal(2, G)).sum().backward()
    # A uniform softmax of G equal numbers sums to 1 up to rounding.
    assert values.abs().max() < 1e-15
    assert torch.equal(z.grad, torch.zeros(2, D))
    assert metrics["pi_old_anchor"] == pytest.approx(1 / G)


@pytest.mark.parametrize(("size", "expected"), [(2, 2 / 3), (3, 1 / 2), (12, 1 / 2)])
def test_adaptive_temperature_leaves_half_the_mass_on_the_anchor(make_group, size, expected):
    y = 30 * torch.eye(size, 40, dtype=torch.float64)  # equidistant
    anchor = torch.tensor([1])
    _, metrics = SoftmaxDistance("adaptive").log_ratio(ode(y[anchor]), ode(y[anchor]), make_group(y), anchor, 1)
    assert metrics["pi_old_anchor"] == pytest.approx(expected, rel=1e-6)


def test_latents_of_any_rank_are_flattened(make_group, case):
    group, members, step, old = case
    cube = (4, 5)
    shaped = make_group(group.kept[1].next_state.unflatten(1, cube))
    steps = (ode(s.mean.unflatten(1, cube)) for s in (step, old))
    values, _ = SoftmaxDistance().log_ratio(*steps, shaped, members, 1)
    assert torch.equal(values, log_ratio(SoftmaxDistance(), case)[0])


def test_candidates_are_the_whole_group(make_group):
    surrogate = SoftmaxDistance()
    assert surrogate.candidates(make_group(normal(3, D)), torch.tensor([0, 2])).tolist() == [[0, 1, 2]] * 2
    per_member = make_group(normal(3, D), trained=torch.tensor([[1], [1], [0]]))
    with pytest.raises(ConfigError, match=r"set steps.per_member=false"):
        surrogate.candidates(per_member, torch.tensor([0]))


@pytest.mark.parametrize("tau", [0.0, -1.0, float("inf"), float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(tau):
    with pytest.raises(ConfigError, match=r"surrogate.tau must be a positive number"):
        SoftmaxDistance(tau)
