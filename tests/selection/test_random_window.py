from __future__ import annotations

import pytest
import torch

from genrl.errors import ConfigError
from genrl.randomness import Randomness
from genrl.schedule import shift_grid
from genrl.selection import RandomWindow


def windows(selector, steps, count=200):
    rng = Randomness(("windows",))
    return [selector.plan(k, shift_grid(steps, 3.0), 4, rng.generator(k)) for k in range(count)]


@pytest.mark.parametrize(("steps", "starts"), [(10, {0, 1, 2}), (6, {0}), (8, {0, 1}), (28, set(range(12)))])
def test_starts_are_those_of_the_reference_code(steps, starts):
    """Window 3 in (0, T/2): start in {0, ..., T/2 - 3}."""
    plans = windows(RandomWindow(), steps)
    assert {plan.steps[0] for plan in plans} == starts
    for plan in plans:
        assert plan.steps == list(range(plan.steps[0], plan.steps[0] + 3))
        assert plan.stochastic == tuple(t in plan.steps for t in range(steps))


def test_every_start_is_as_likely():
    counts = torch.bincount(torch.tensor([plan.steps[0] for plan in windows(RandomWindow(), 10, count=3000)]))
    assert (counts / 3000 - 1 / 3).abs().max() < 0.03  # 3.5 standard deviations


def test_single_steps_are_drawn_from_the_whole_range():
    plans = windows(RandomWindow(contiguous=False), 10)
    assert {step for plan in plans for step in plan.steps} == set(range(5))
    assert all(len(plan.steps) == 3 and sum(plan.stochastic) == 3 for plan in plans)
    assert any(plan.steps[2] - plan.steps[0] > 2 for plan in plans)


def test_the_last_step_is_never_in_a_window():
    assert {plan.steps[-1] for plan in windows(RandomWindow(begin=0.5, end=1.0), 10)} == {7, 8}


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="does not fit"):
        windows(RandomWindow(), 5)
    with pytest.raises(ConfigError, match="begin < end"):
        RandomWindow(begin=0.5, end=0.5)
    with pytest.raises(ConfigError, match="at least 1"):
        RandomWindow(size=0)
