"""Mixed: which part solves which step, and what it hands to the next."""

from __future__ import annotations

import pytest
import torch

from genrl.errors import ConfigError
from genrl.schedule import shift_grid
from genrl.solvers import CPS, DanceSDE, DPMSolverPP, Euler, FlowSDE, Heun, History, Mixed
from tests.solvers.toy import curved, uniform, walk

X = torch.linspace(-2.5, 2.5, 12, dtype=torch.float64).reshape(4, 3)
GRID = shift_grid(8, 3.0)
WINDOW = (False, False, True, True, False, False, False, False)
FLASH = (*GRID[:4], *uniform(GRID[4], 0.0, 3))  # the steps after the window are fewer
FLASH_WINDOW = WINDOW[: len(FLASH) - 1]


@pytest.mark.parametrize("sde", [FlowSDE(), DanceSDE(), CPS()])
def test_sde_on_the_noisy_steps_and_euler_elsewhere(sde: FlowSDE | DanceSDE | CPS) -> None:
    for k, (x, _, step) in enumerate(walk(Mixed(sde), X, GRID, WINDOW)):
        expected = (sde if WINDOW[k] else Euler()).step(curved, x, GRID[k], GRID[k + 1], None, WINDOW[k])
        assert torch.equal(step.mean, expected.mean)
        assert step.std == expected.std
        assert (step.std > 0.0) == WINDOW[k]


@pytest.mark.parametrize("sde", [FlowSDE(), DanceSDE()])
def test_the_tail_is_second_order_from_its_first_step_and_reaches_zero(sde: FlowSDE | DanceSDE) -> None:
    steps = walk(Mixed(sde, tail=DPMSolverPP()), X, FLASH, FLASH_WINDOW)
    for k in (4, 5):
        x, _, step = steps[k]
        history = History(steps[k - 1][2].x0, FLASH[k - 1])  # at k = 4 the clean estimate of the last noisy step
        expected = DPMSolverPP().step(curved, x, FLASH[k], FLASH[k + 1], history, False)
        euler = Euler().step(curved, x, FLASH[k], FLASH[k + 1], None, False)
        assert torch.equal(step.mean, expected.mean)
        assert (step.mean - euler.mean).abs().max() > 1e-3
    assert FLASH[-1] == 0.0
    assert steps[-1][2].std == 0.0
    assert torch.equal(steps[-1][2].mean, steps[-1][2].x0)


def test_before_the_window_the_tail_is_not_used() -> None:
    plain, flash = (walk(solver, X, FLASH, FLASH_WINDOW) for solver in (Mixed(), Mixed(tail=DPMSolverPP())))
    for k in range(4):
        assert torch.equal(plain[k][2].mean, flash[k][2].mean)
    assert not torch.equal(plain[4][2].mean, flash[4][2].mean)


def test_without_noisy_steps_it_is_the_ode() -> None:
    quiet = (False,) * 8
    mixed, euler = (walk(solver, X, GRID, quiet) for solver in (Mixed(tail=DPMSolverPP()), Euler()))
    assert torch.equal(mixed[-1][2].mean, euler[-1][2].mean)
    mixed, dpmpp = (walk(solver, X, GRID, quiet) for solver in (Mixed(ode=DPMSolverPP()), DPMSolverPP()))
    assert torch.equal(mixed[-1][2].mean, dpmpp[-1][2].mean)


def test_one_instance_serves_two_rollouts() -> None:
    solver = Mixed(tail=DPMSolverPP())
    first, again = (walk(solver, X, FLASH, FLASH_WINDOW)[-1][2].mean for _ in range(2))
    assert torch.equal(first, again)


def test_declarations() -> None:
    assert Mixed().evaluations == 1
    assert Mixed(tail=DPMSolverPP()).evaluations == 1
    assert Mixed(ode=Heun()).evaluations == Mixed(tail=Heun()).evaluations == 2
    assert Mixed().noisy
    assert not Euler.noisy
    with pytest.raises(ConfigError, match=r"mixed\.sde must be an SDE solver such as flow-sde, got heun"):
        Mixed(sde=Heun())
