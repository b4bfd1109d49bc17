"""DPM-Solver++(2M): its formula, its fall-backs, its order."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from genrl.errors import ConfigError
from genrl.schedule import shift_grid
from genrl.solvers import DPMSolverPP, Euler, History
from tests.solvers.toy import GaussianFlow, curved, solve, uniform

X = torch.linspace(-2.5, 2.5, 11, dtype=torch.float64)
BEFORE = History(torch.cos(X), 0.8)


def test_second_order_step_is_the_papers() -> None:
    """Algorithm 2 in the paper's own symbols: alpha = 1 - t, h = lambda_t - lambda_s, factor -alpha (exp(-h) - 1)."""
    before, s, t = 0.8, 0.6, 0.45
    lam = {u: math.log((1 - u) / u) for u in (before, s, t)}
    h, r = lam[t] - lam[s], (lam[s] - lam[before]) / (lam[t] - lam[s])
    x0 = X - s * curved(X, s)
    d = (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * BEFORE.x0
    expected = t / s * X - (1 - t) * (math.exp(-h) - 1) * d
    step = DPMSolverPP().step(curved, X, s, t, BEFORE, False)
    torch.testing.assert_close(step.mean, expected, rtol=0, atol=1e-12)
    assert torch.equal(step.carry.x0, x0)
    assert step.carry.sigma == s
    assert step.std == 0.0


@pytest.mark.parametrize(
    ("solver", "carry", "t"),
    [
        (DPMSolverPP(), None, 0.45),
        (DPMSolverPP(), BEFORE._replace(sigma=1.0), 0.45),
        (DPMSolverPP(), BEFORE, 0.0),
        (DPMSolverPP(order=1), BEFORE, 0.45),
    ],
    ids=["no history", "history at 1", "last step", "order 1"],
)
def test_falls_back_to_euler_exactly(solver: DPMSolverPP, carry: History | None, t: float) -> None:
    assert torch.equal(solver.step(curved, X, 0.6, t, carry, False).mean, Euler().step(curved, X, 0.6, t, None, False).mean)


def test_first_two_and_last_step_of_a_rollout_are_euler_and_the_others_are_not() -> None:
    grid, x, carry, same = shift_grid(8, 3.0), X, None, []
    for s, t in pairwise(grid):
        step = DPMSolverPP().step(curved, x, s, t, carry, False)
        same.append(torch.equal(step.mean, Euler().step(curved, x, s, t, None, False).mean))
        x, carry = step.mean, step.carry
    assert same == [True, True, False, False, False, False, False, True]
    assert x.isfinite().all()


@pytest.mark.parametrize(("steps", "share"), [(16, 0.5), (32, 0.5), (64, 0.25), (128, 0.25), (256, 0.25)])
def test_error_on_the_full_interval_against_euler(steps: int, share: float) -> None:
    """No order is asserted here: the forced first-order steps at both ends leave none."""
    toy, grid = GaussianFlow(), shift_grid(steps, 3.0)
    exact = toy.flow(X, 1.0, 0.0)
    euler, dpmpp = ((solve(s, toy.velocity, X, grid) - exact).abs().max() for s in (Euler(), DPMSolverPP()))
    assert dpmpp < share * euler


def test_second_order_on_an_interior_interval_with_exact_history() -> None:
    toy, errors = GaussianFlow(), []
    for n in (32, 64, 128):
        before = 0.9 + 0.8 / n
        history = History(toy.x0(toy.flow(X, 0.9, before), before), before)
        end = solve(DPMSolverPP(), toy.velocity, X, uniform(0.9, 0.1, n), history)
        errors.append((end - toy.flow(X, 0.9, 0.1)).abs().max())
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.03)


def test_only_orders_one_and_two_exist() -> None:
    with pytest.raises(ConfigError, match="set order=2"):
        DPMSolverPP(order=3)  # type: ignore[arg-type]
