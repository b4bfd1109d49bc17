"""Euler and Heun, and what every deterministic step has in common."""

from __future__ import annotations

import pytest
import torch

from genrl.schedule import shift_grid
from genrl.solvers import DPMSolverPP, Euler, Heun
from tests.solvers.toy import GaussianFlow, curved, solve, uniform

STEPS = [(1.0, 0.9545), (0.75, 0.6429), (0.3, 0.01), (0.3, 0.0)]
X = torch.linspace(-2.5, 2.5, 11, dtype=torch.float64)


@pytest.mark.parametrize(("s", "t"), STEPS)
def test_euler_is_x_plus_v_dt_and_ddim_and_first_order_dpm(s: float, t: float) -> None:
    step = Euler().step(curved, X, s, t, None, False)
    v = curved(X, s)
    x0, eps = X - s * v, X + (1 - s) * v
    torch.testing.assert_close(step.mean, X + (t - s) * v, rtol=0, atol=1e-12)
    torch.testing.assert_close(step.mean, (1 - t) * x0 + t * eps, rtol=0, atol=1e-12)  # DDIM with eta = 0
    assert torch.equal(step.mean, DPMSolverPP(order=1).step(curved, X, s, t, None, False).mean)
    torch.testing.assert_close((1 - s) * step.x0 + s * eps, X, rtol=0, atol=1e-12)
    assert torch.equal(step.x0, x0)
    assert step.std == 0.0
    assert step.carry is None


@pytest.mark.parametrize("solver", [Euler(), Heun(), DPMSolverPP()])
def test_a_constant_velocity_is_integrated_exactly(solver: Euler | Heun | DPMSolverPP) -> None:
    v = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = torch.ones_like(v)
    end = solve(solver, lambda y, s: v, x, shift_grid(8, 3.0))
    torch.testing.assert_close(end, x - v, rtol=0, atol=1e-12)


@pytest.mark.parametrize("solver", [Euler(), Heun(), DPMSolverPP()])
def test_the_step_to_zero_lands_on_the_clean_estimate(solver: Euler | Heun | DPMSolverPP) -> None:
    before = solver.step(curved, X, 0.5, 0.3, None, False)
    last = solver.step(curved, before.mean, 0.3, 0.0, before.carry, False)
    assert torch.equal(last.mean, last.x0)


@pytest.mark.parametrize(("solver", "order"), [(Euler(), 1), (Heun(), 2)])
def test_order_on_an_interior_interval(solver: Euler | Heun, order: int) -> None:
    toy = GaussianFlow()
    exact = toy.flow(X, 0.9, 0.1)
    errors = [(solve(solver, toy.velocity, X, uniform(0.9, 0.1, n)) - exact).abs().max() for n in (64, 128)]
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.03)


def test_evaluations_are_what_the_solver_says() -> None:
    def asked(solver: Euler | Heun | DPMSolverPP, t: float) -> list[float]:
        sigmas: list[float] = []

        def velocity(x: torch.Tensor, sigma: float) -> torch.Tensor:
            sigmas.append(sigma)
            return x

        solver.step(velocity, X, 0.5, t, None, False)
        return sigmas

    assert asked(Euler(), 0.3) == asked(DPMSolverPP(), 0.3) == [0.5]
    assert asked(Heun(), 0.3) == [0.5, 0.3]
    assert asked(Heun(), 0.0) == [0.5]  # never at sigma = 0
    assert Euler.evaluations == DPMSolverPP.evaluations == 1
    assert Heun.evaluations == 2


@pytest.mark.parametrize("solver", [Euler(), Heun(), DPMSolverPP()])
def test_gradient_reaches_every_evaluation(solver: Euler | Heun | DPMSolverPP) -> None:
    def energy(scale: torch.Tensor) -> torch.Tensor:
        return solver.step(lambda x, s: scale * curved(x, s), X, 0.5, 0.3, None, False).mean.square().sum()

    scale, h = torch.tensor(1.0, dtype=torch.float64, requires_grad=True), 1e-6
    (gradient,) = torch.autograd.grad(energy(scale), scale)
    up, down = energy(scale.detach() + h), energy(scale.detach() - h)
    torch.testing.assert_close(gradient, (up - down) / (2 * h), rtol=1e-7, atol=0)
