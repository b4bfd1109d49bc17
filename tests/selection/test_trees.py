"""Plans whose members share states: who parts from whom, and where noise enters."""

from __future__ import annotations

import pytest
import torch

from genrl.errors import ConfigError
from genrl.schedule import shift_grid
from genrl.selection import Branching, BranchOnce


def plan(selector, steps, size, seed=0):
    return selector.plan(0, shift_grid(steps, 3.0), size, torch.Generator().manual_seed(seed))


def counts(made, size):
    return [len(made.nodes(point, size)) for point in range(made.length + 1)]


def test_branching_is_the_tree_of_the_paper():
    made = plan(Branching(), 20, 16)
    assert counts(made, 16) == [1] + 3 * [2] + 3 * [4] + 3 * [8] + 11 * [16]
    assert sum(counts(made, 16)[:-1]) == 203
    noise = made.lineage.noise
    assert [t for t in range(20) if (noise[:, t] == 4.0).all()] == [0, 3, 6, 9]
    assert (noise.sum(dim=1) == 4 * 4.0 + 16).all()
    assert made.steps == list(range(19))


@pytest.mark.parametrize("size", [12, 16, 5])
def test_branching_parts_all_members_as_evenly_as_it_can(size):
    made = plan(Branching(), 20, size)
    assert made.nodes(20, size).tolist() == list(range(size))
    halves = [int((made.lineage.nodes[:, 1] == node).sum()) for node in made.nodes(1, size)]
    assert len(halves) == 2
    assert max(halves) - min(halves) <= 1
    for t in range(20):  # a child has one parent, and members that part never meet again
        for node in made.nodes(t + 1, size):
            assert len(made.lineage.nodes[made.lineage.nodes[:, t + 1] == node, t].unique()) == 1


def test_branching_trains_each_edge_once():
    made = plan(Branching(), 20, 16)
    assert [len(made.members(t, 16)) for t in (0, 3, 6, 9, 18)] == [2, 4, 8, 16, 16]
    assert plan(Branching(drop_last=False), 20, 16).steps[-1] == 19
    assert plan(Branching(depth=0.75), 20, 16).steps[-1] == 14


def test_branching_refuses_what_does_not_fit():
    with pytest.raises(ConfigError, match="16 leaves"):
        plan(Branching(), 20, 17)
    with pytest.raises(ConfigError, match="does not fit"):
        plan(Branching(), 1, 16)
    with pytest.raises(ConfigError, match="below 1"):
        Branching(splits=(1.0,))
    with pytest.raises(ConfigError, match="children"):
        Branching(children=1)
    with pytest.raises(ConfigError, match="split_noise"):
        Branching(split_noise=0.0)


def test_branch_once_is_the_papers_group():
    made = plan(BranchOnce(), 10, 216)
    assert counts(made, 216) == [4 + 24 * point for point in range(9)] + 2 * [216]
    assert [len(made.members(t, 216)) for t in range(9)] == [24] * 9
    assert made.stochastic == (True,) * 9 + (False,)
    assert (made.lineage.noise.sum(dim=1) == 1.0).all()
    assert (made.lineage.noise.argmax(dim=1) == made.trained[:, 0]).all()


def test_branch_once_draws_the_steps_of_a_small_group_anew():
    steps = {plan(BranchOnce(), 10, 24, seed=seed).steps[0] for seed in range(100)}
    assert steps == set(range(9))
    made = plan(BranchOnce(seeds=2), 10, 24)
    assert len(made.steps) == 2
    assert len(made.nodes(0, 24)) == 2


def test_members_share_the_trunk_until_they_leave_it():
    made = plan(BranchOnce(seeds=2, branches=3), 6, 30)
    nodes, own = made.lineage.nodes, made.trained[:, 0]
    seed = nodes[:, 0]
    for g in range(30):
        for point in range(7):
            sharing = (seed == seed[g]) & (own >= point) if point <= own[g] else torch.arange(30) == g
            assert torch.equal(nodes[:, point] == nodes[g, point], sharing)


def test_branch_once_refuses_a_group_that_is_too_small():
    with pytest.raises(ConfigError, match="too low"):
        plan(BranchOnce(), 10, 5)
    with pytest.raises(ConfigError, match="at least 1"):
        BranchOnce(branches=1)
