from __future__ import annotations

import pytest
import torch

from genrl.advantages import TreeZScore, Within, ZScore
from genrl.errors import ConfigError
from genrl.schedule import shift_grid
from genrl.selection import Branching, BranchOnce, Every
from genrl.types import StepPlan

WEIGHTS = torch.ones(1, dtype=torch.float64)


def plan(selector, steps, size):
    return selector.plan(0, shift_grid(steps, 3.0), size, torch.Generator().manual_seed(0))


def rewards(*shape, seed=0):
    return torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_an_edge_is_worth_the_mean_of_its_leaves_among_the_nodes_of_its_depth():
    tree = plan(Branching(splits=(0.0, 0.5)), 4, 4)  # two halves at step 0, all four at step 2
    r = torch.tensor([[[1.0, 3.0, 4.0, 8.0]]], dtype=torch.float64)
    advantages = TreeZScore()(r, WEIGHTS, tree)[0]
    halves = torch.tensor([2.0, 6.0], dtype=torch.float64)
    expected = ((halves - 4.0) / halves.std()).float()
    for t in (0, 1):
        assert torch.allclose(advantages[:, t], expected[[0, 0, 1, 1]])
    for t in (2, 3):
        assert torch.allclose(advantages[:, t], ((r - r.mean()) / r.std())[0, 0].float())


def test_a_depth_with_one_node_or_without_spread_gets_exactly_zero():
    late = plan(Branching(splits=(0.5, 0.75)), 4, 4)
    assert (TreeZScore()(rewards(2, 4), WEIGHTS, late)[:, :, :2] == 0.0).all()
    tree = plan(Branching(splits=(0.0, 0.5)), 4, 4)
    same = torch.tensor([[[0.1, 0.3, 0.3, 0.1]]], dtype=torch.float64)
    assert (TreeZScore()(same, WEIGHTS, tree)[:, :, :2] == 0.0).all()


def test_a_leaf_without_reward_does_not_count_in_its_node():
    tree = plan(Branching(splits=(0.0, 0.5)), 4, 4)
    r = torch.tensor([[[1.0, torch.nan, 4.0, 8.0]]], dtype=torch.float64)
    halves = torch.tensor([1.0, 6.0], dtype=torch.float64)
    advantages = TreeZScore()(r, WEIGHTS, tree)[0]
    assert torch.allclose(advantages[:, 0], ((halves - 3.5) / halves.std()).float()[[0, 0, 1, 1]])
    assert advantages[1, 3] == 0.0


def test_chains_get_the_plain_z_score_at_every_step():
    r = rewards(3, 6)
    chains = plan(Every(), 5, 6)
    expected = ZScore(epsilon=0.0)(r, WEIGHTS, chains)
    assert torch.allclose(TreeZScore()(r, WEIGHTS, chains), expected.expand(-1, -1, 5))


@pytest.mark.parametrize("key", ["seed-and-step", "seed", "step", "prompt"])
def test_within_normalises_exactly_the_members_of_a_part(key):
    made, r = plan(BranchOnce(seeds=2, branches=3), 6, 30), rewards(3, 30)
    seeds, steps = made.lineage.nodes[:, 0].tolist(), made.trained[:, 0].tolist()
    labels = {"seed-and-step": list(zip(seeds, steps, strict=True)), "seed": seeds, "step": steps, "prompt": [0] * 30}[key]
    advantages = Within(key=key)(r, WEIGHTS, made)
    for label in set(labels):
        part = [g for g in range(30) if labels[g] == label]
        alone = ZScore(unbiased=False, epsilon=1e-4)(r[..., part], WEIGHTS, made)
        assert torch.allclose(advantages[:, part], alone)


def test_within_bears_parts_of_different_sizes():
    made, r = plan(BranchOnce(seeds=2, branches=3), 6, 31), rewards(2, 31)
    sizes = (made.lineage.nodes[:, :1] * 100 + made.trained).unique(return_counts=True)[1]
    assert sorted(set(sizes.tolist())) == [3, 4]
    advantages = Within()(r, WEIGHTS, made)
    assert advantages.shape == (2, 31, 1)
    assert advantages.sum(dim=1).abs().max() < 1e-5


def test_within_needs_one_step_for_each_member_where_steps_are_compared():
    tree = plan(Branching(), 20, 16)
    with pytest.raises(ConfigError, match="branch-once"):
        Within(key="step")(rewards(1, 16), WEIGHTS, tree)
    assert Within(key="seed")(rewards(1, 16), WEIGHTS, tree).shape == (1, 16, 1)


def test_without_a_lineage_the_group_is_one_part():
    chains = StepPlan(shift_grid(4, 1.0), (True,) * 4, torch.arange(4))
    r = rewards(2, 5)
    assert torch.equal(Within()(r, WEIGHTS, chains), Within().inner(r, WEIGHTS, chains))
