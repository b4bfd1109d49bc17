"""Flow-SDE, Dance-SDE and CPS: identities, noise levels, marginals."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from genrl.errors import ConfigError
from genrl.schedule import shift_grid
from genrl.solvers import CPS, DanceSDE, Euler, FlowSDE
from tests.solvers.toy import GaussianFlow, curved, moments

X = torch.linspace(-2.5, 2.5, 11, dtype=torch.float64)
STEPS = [(1.0, 0.9545), (0.75, 0.6429), (0.3, 0.1), (0.1, 0.0)]


@pytest.mark.parametrize(("s", "t"), STEPS)
@pytest.mark.parametrize("solver", [FlowSDE(), DanceSDE()])
def test_the_printed_forms_of_euler_maruyama_are_equal(solver: FlowSDE | DanceSDE, s: float, t: float) -> None:
    step = solver.step(curved, X, s, t, None, True)
    v, dt, eta2 = curved(X, s), t - s, step.std**2 / (s - t)
    x0, eps = X - s * v, X + (1 - s) * v
    flow_grpo = X * (1 + eta2 / (2 * s) * dt) + v * (1 + eta2 * (1 - s) / (2 * s)) * dt
    score = -(X - (1 - s) * x0) / s**2
    dance_grpo = X + (v - 0.5 * eta2 * score) * dt
    supplement = X + v * dt - step.std**2 / (2 * s) * eps
    for printed in (flow_grpo, dance_grpo, supplement):
        torch.testing.assert_close(step.mean, printed, rtol=0, atol=1e-12)
    assert torch.equal(step.x0, x0)
    assert step.carry is None


@pytest.mark.parametrize(("s", "t"), STEPS)
def test_cps_replaces_noise_by_noise(s: float, t: float) -> None:
    step = CPS(noise_level=0.8).step(curved, X, s, t, None, True)
    v = curved(X, s)
    expected = (1 - t) * (X - s * v) + t * math.cos(0.4 * math.pi) * (X + (1 - s) * v)
    torch.testing.assert_close(step.mean, expected, rtol=0, atol=1e-12)
    assert step.std == pytest.approx(t * math.sin(0.4 * math.pi), abs=1e-15)


@pytest.mark.parametrize(("s", "t"), STEPS)
@pytest.mark.parametrize("kind", [FlowSDE, DanceSDE, CPS])
def test_without_noise_every_sde_is_euler_bit_for_bit(kind: type, s: float, t: float) -> None:
    euler = Euler().step(curved, X, s, t, None, False)
    for step in (kind().step(curved, X, s, t, None, False), kind(0.0).step(curved, X, s, t, None, True)):
        assert torch.equal(step.mean, euler.mean)
        assert torch.equal(step.x0, euler.x0)
        assert type(step.std) is float
        assert step.std == 0.0


@pytest.mark.parametrize("shift", [1.0, 3.0, 5.0])
@pytest.mark.parametrize("steps", [1, 8, 25, 400])
def test_first_flow_step_has_std_exactly_a(steps: int, shift: float) -> None:
    sigmas = shift_grid(steps, shift)
    assert FlowSDE(0.7).step(curved, X, sigmas[0], sigmas[1], None, True).std == 0.7
    assert FlowSDE(0.7).std(1.0 - 1e-7, sigmas[1]) == pytest.approx(0.7, rel=1e-4)  # 1 after float32


def test_published_noise_levels() -> None:
    """25 steps, shift 3: flow a = 0.7 and dance eta = 0.3."""
    sigmas = shift_grid(25, 3.0)
    flow = [FlowSDE(0.7).std(s, t) for s, t in pairwise(sigmas)]
    dance = [DanceSDE(0.3).std(s, t) for s, t in pairwise(sigmas)]
    assert flow[:5] == pytest.approx([0.70, 0.715, 0.509, 0.418, 0.365], abs=6e-4)
    assert (dance[0], dance[1], dance[-1]) == pytest.approx((0.035, 0.036, 0.100), abs=6e-4)
    assert dance == sorted(dance)


def test_the_step_to_zero() -> None:
    """Flow and dance leave their noise on the final state; CPS cannot."""
    assert FlowSDE(0.7).std(0.25, 0.0) == pytest.approx(0.7 * 0.25 / math.sqrt(0.75))
    assert DanceSDE(0.3).std(0.25, 0.0) == pytest.approx(0.15)
    last = CPS().step(curved, X, 0.25, 0.0, None, True)
    assert last.std == 0.0
    assert torch.equal(last.mean, last.x0)


@pytest.mark.parametrize(("s", "t"), STEPS)
@pytest.mark.parametrize("solver", [FlowSDE(), DanceSDE(), CPS()])
def test_variance_of_one_step_from_the_exact_marginal_of_a_single_point(
    solver: FlowSDE | DanceSDE | CPS, s: float, t: float
) -> None:
    """x = (1-s) m + s eps becomes (1-t) m + c eps + std xi: what c^2 + std^2 has beyond t^2 is known in closed form."""
    toy = GaussianFlow(variance=0.0)
    one_eps = torch.tensor([toy.marginal_mean(s) + s], dtype=torch.float64)
    step = solver.step(toy.velocity, one_eps, s, t, None, True)
    c = step.mean.item() - toy.marginal_mean(t)
    excess = 0.0 if isinstance(solver, CPS) else step.std**2 * (1 - t / s) + step.std**4 / (4 * s * s)
    assert c**2 + step.std**2 - t**2 == pytest.approx(excess, abs=1e-12)


@pytest.mark.parametrize("steps", [4, 10, 400])
def test_cps_marginals_of_a_single_point_are_exact_for_any_number_of_steps(steps: int) -> None:
    toy, sigmas = GaussianFlow(variance=0.0), shift_grid(steps, 3.0)
    _, variances = moments(CPS(), toy, sigmas)
    assert variances == pytest.approx([toy.marginal_variance(s) for s in sigmas], abs=1e-12)


@pytest.mark.parametrize(
    ("solver", "middle", "end"), [(Euler(), 0.002, 0.02), (DanceSDE(), 0.002, 0.02), (FlowSDE(), 0.015, 0.01)]
)
def test_marginals_are_the_odes_at_400_steps(solver: Euler | DanceSDE | FlowSDE, middle: float, end: float) -> None:
    toy, sigmas = GaussianFlow(variance=0.25), shift_grid(400, 3.0)
    means, variances = moments(solver, toy, sigmas)
    assert means == pytest.approx([toy.marginal_mean(s) for s in sigmas], abs=1e-12)
    assert variances[200] == pytest.approx(toy.marginal_variance(sigmas[200]), rel=middle)
    assert variances[-1] == pytest.approx(toy.marginal_variance(0.0), rel=end)


@pytest.mark.parametrize(("solver", "shrinks"), [(FlowSDE(), True), (CPS(), False)])
def test_only_an_sde_converges_on_spread_data(solver: FlowSDE | CPS, shrinks: bool) -> None:
    toy = GaussianFlow(variance=0.25)
    coarse, fine = (abs(moments(solver, toy, shift_grid(n, 3.0))[1][-1] / 0.25 - 1) for n in (100, 400))
    assert (fine < 0.35 * coarse) == shrinks
    assert shrinks or fine > 0.3  # CPS stays too narrow


def test_sampling_follows_the_exact_moments() -> None:
    toy, sigmas, rng = GaussianFlow(), shift_grid(10, 3.0), torch.Generator().manual_seed(0)
    x = torch.randn(100_000, generator=rng)
    for s, t in pairwise(sigmas):
        step = FlowSDE().step(toy.velocity, x, s, t, None, True)
        x = step.mean + step.std * torch.randn(x.shape, generator=rng)
    means, variances = moments(FlowSDE(), toy, sigmas)
    assert x.mean().item() == pytest.approx(means[-1], abs=5e-3)
    assert x.var().item() == pytest.approx(variances[-1], rel=0.02)


@pytest.mark.parametrize("make", [lambda: FlowSDE(-0.1), lambda: DanceSDE(-0.1), lambda: CPS(-0.1), lambda: CPS(1.1)])
def test_impossible_levels_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match="must be"):
        make()
