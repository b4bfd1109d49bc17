from __future__ import annotations

import pytest
import torch

from genrl.losses import InverseInterval, NoiseLevel, Uniform
from genrl.schedule import flow_noise, shift_grid
from genrl.solvers import FlowSDE
from genrl.types import StepPlan

GRID = shift_grid(10, 3.0)
PLAN = StepPlan(GRID, (True,) * 10, torch.arange(9))


def test_uniform_is_one_and_the_interval_is_inverted():
    assert [Uniform()(PLAN, t) for t in (0, 5)] == [1.0, 1.0]
    assert InverseInterval()(PLAN, 4) == pytest.approx(1.0 / (GRID[4] - GRID[5]))


@pytest.mark.parametrize("level", [0.3, 0.7])
def test_noise_level_is_the_share_of_the_noise_of_flow_grpo_whatever_its_level(level):
    noise = torch.tensor([FlowSDE(level).std(GRID[t], GRID[t + 1]) for t in range(9)], dtype=torch.float64)
    weights = torch.tensor([NoiseLevel()(PLAN, t) for t in range(9)], dtype=torch.float64)
    assert torch.allclose(weights, noise / noise.mean(), rtol=1e-12)


def test_a_step_weighs_the_same_when_it_is_trained_alone():
    alone = StepPlan(GRID, (True,) * 10, torch.tensor([3]))
    assert NoiseLevel()(alone, 3) == NoiseLevel()(PLAN, 3)


def test_noise_starts_at_exactly_one_on_any_grid():
    for steps, shift in ((2, 1.0), (10, 3.0), (400, 3.0)):
        grid = shift_grid(steps, shift)
        assert flow_noise(grid[0], grid[1]) == pytest.approx(1.0, rel=1e-12)
