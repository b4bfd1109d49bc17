"""What trees and divergences cannot be combined with is refused before any weight is loaded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genrl.algorithms import branch_grpo, neighbor_grpo, temp_flow_grpo
from genrl.errors import ConfigError
from genrl.losses import DivergenceMask
from genrl.selection import BranchOnce
from genrl.solvers import Euler, FlowSDE, Mixed
from genrl.types import Sampling


def test_a_surrogate_that_compares_members_needs_them_all() -> None:
    tree = branch_grpo().steps
    recipe = replace(neighbor_grpo(), steps=tree, solver=Euler())
    with pytest.raises(ConfigError, match="deterministic|policy over ODE|tree keeps some"):
        recipe.check(Sampling(steps=20, group_size=16))


def test_members_that_leave_an_ode_have_no_common_memory() -> None:
    recipe = replace(temp_flow_grpo(), solver=Mixed(sde=FlowSDE(0.7), ode=Euler()))
    with pytest.raises(ConfigError, match="flow-sde"):
        recipe.check(Sampling(steps=10, group_size=24))


def test_a_divergence_needs_noise() -> None:
    with pytest.raises(ConfigError, match="objective=clipped"):
        replace(neighbor_grpo(), objective=DivergenceMask()).check(Sampling())


def test_a_tree_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="leaves"):
        branch_grpo().check(Sampling(steps=20, group_size=24))
    with pytest.raises(ConfigError, match="too low"):
        replace(temp_flow_grpo(), steps=BranchOnce(branches=8)).check(Sampling(steps=10, group_size=7))
