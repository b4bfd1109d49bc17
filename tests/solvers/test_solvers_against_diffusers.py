"""diffusers' schedulers as oracles, stepped on our own grid."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler

from genrl.schedule import shift_grid
from genrl.solvers import DPMSolverPP, Euler
from tests.solvers.toy import curved

GRID = shift_grid(8, 3.0)


def assert_same_path(scheduler: Any, solver: Euler | DPMSolverPP, grid: tuple[float, ...], atol: float) -> None:
    """Both from the same noise, each on its own states."""
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    y, carry = x, None
    for k, timestep in enumerate(scheduler.timesteps):
        x = scheduler.step(curved(x, grid[k]), timestep, x, return_dict=False)[0]
        step = solver.step(curved, y, grid[k], grid[k + 1], carry, False)
        y, carry = step.mean, step.carry
        torch.testing.assert_close(y, x, rtol=0, atol=atol)


def test_euler_is_flow_match_euler() -> None:
    scheduler: Any = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(sigmas=list(GRID[:-1]))
    assert scheduler.sigmas.tolist() == pytest.approx(GRID, abs=1e-6)
    assert_same_path(scheduler, Euler(), GRID, atol=5e-6)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("steps", [8, 25])
def test_dpmpp_is_dpm_solver_multistep(order: int, steps: int) -> None:
    """Its grid cannot be passed in, so it is written over: its own starts below 1 and truncates its times."""
    grid = shift_grid(steps, 3.0)
    scheduler: Any = DPMSolverMultistepScheduler(
        solver_order=order, prediction_type="flow_prediction", use_flow_sigmas=True, solver_type="midpoint"
    )
    scheduler.set_timesteps(steps)
    scheduler.sigmas = torch.tensor(grid)
    scheduler.set_begin_index(0)
    assert_same_path(scheduler, DPMSolverPP(order), grid, atol=1e-5)  # type: ignore[arg-type]


def test_dpmpp_is_dpm_solver_multistep_on_its_own_grid() -> None:
    """A grid that starts below 1 has a usable history from the first step on."""
    scheduler: Any = DPMSolverMultistepScheduler(
        solver_order=2, prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    scheduler.set_timesteps(10)
    grid = tuple(scheduler.sigmas.tolist())
    assert grid[0] < 1.0
    assert grid[-1] == 0.0
    assert_same_path(scheduler, DPMSolverPP(), grid, atol=1e-5)
