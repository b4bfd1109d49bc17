"""The trajectory recipes equal the transcripts of their papers in loss and gradient, on and off policy, all in float64.

Trees are walked node by node here and member by member there, or the other way round, which also says that sharing a state
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from genrl.advantages import Within
from genrl.algorithms import PolicyGradient, branch_grpo, flow_cps, flow_dppo, flow_grpo_fast, grpo_guard, temp_flow_grpo
from genrl.losses import DivergenceMask, KLFlowGRPO, Uniform
from genrl.schedule import shift_grid
from genrl.selection import Branching, BranchOnce
from genrl.solvers import Euler, FlowSDE, Mixed
from genrl.surrogates import Gaussian
from genrl.types import Prompt, RolloutGroup, Sampling, Unit
from tests.test_transcripts import RNG, SHAPE, Double, Field, ToyPolicy, members_of, moved, steps_of
from tests.transcripts import branch_grpo as branch
from tests.transcripts import flow_cps as cps
from tests.transcripts import flow_dppo as dppo
from tests.transcripts import flow_grpo_fast as fast
from tests.transcripts import grpo_guard as guard
from tests.transcripts import temp_flow_grpo as temp

Oracle = Callable[[RolloutGroup, list[Unit]], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A recipe, the transcript that it has to equal, and what that one has to be told about an update."""

    recipe: PolicyGradient
    transcript: Any
    oracle: Oracle
    steps: int = 6
    group: int = 4


def on_steps(**constants: Any) -> Oracle:
    return lambda group, units: {"steps": steps_of(units), "members": members_of(units)} | constants


def on_window(**constants: Any) -> Oracle:
    return lambda group, units: {"window": steps_of(units), "members": members_of(units)} | constants


def on_branches(key: str, **constants: Any) -> Oracle:
    def told(group: RolloutGroup, units: list[Unit]) -> dict[str, Any]:
        assert group.plan.lineage is not None
        step, seed = group.plan.trained[:, 0].tolist(), group.plan.lineage.nodes[:, 0].tolist()
        labels = {"seed-and-step": list(zip(seed, step, strict=True)), "seed": seed, "step": step, "prompt": [0] * len(seed)}
        return {"noisy": [[k] for k in step], "members": members_of(units), "groups": labels[key]} | constants

    return told


def temp_case(key: Any, **changes: Any) -> PolicyGradient:
    inner = temp_flow_grpo().advantage
    assert isinstance(inner, Within)
    recipe = replace(temp_flow_grpo(), steps=BranchOnce(seeds=2, branches=2), advantage=replace(inner, key=key), update_every=6)
    return replace(recipe, **changes)


CASES = {
    "flow-grpo-fast": Case(flow_grpo_fast(), fast, on_window()),
    "flow-grpo-fast, first version": Case(
        replace(flow_grpo_fast(), solver=Mixed(FlowSDE(0.8), Euler()), surrogate=Gaussian()), fast, on_window(rule="flow")
    ),
    "flow-cps": Case(flow_cps(), cps, on_steps()),
    "flow-dppo": Case(replace(flow_dppo(), update_every=2), dppo, on_steps()),
    "flow-dppo, wide region": Case(
        replace(flow_dppo(), objective=DivergenceMask(threshold=1e-3)), dppo, on_steps(threshold=1e-3)
    ),
    "grpo-guard": Case(grpo_guard(), guard, on_steps(clip=2e-6)),
    "grpo-guard, wide clip": Case(
        replace(grpo_guard(), objective=replace(grpo_guard().objective, epsilon=1e-3)), guard, on_steps(clip=1e-3)
    ),
    "grpo-guard, even steps, KL": Case(
        replace(grpo_guard(), step_weight=Uniform(), regularizers=(KLFlowGRPO(0.01),)), guard,
        on_steps(clip=2e-6, over_delta=False, beta=0.01),
    ),
    **{
        f"temp-flow-grpo, {key}": Case(temp_case(key), temp, on_branches(key, beta=0.004), steps=4, group=12)
        for key in ("seed-and-step", "seed", "step", "prompt")
    },
    "temp-flow-grpo, even steps": Case(
        temp_case("seed-and-step", step_weight=Uniform(), regularizers=()), temp,
        on_branches("seed-and-step", weighted=False), steps=4, group=12,
    ),
}  # fmt: skip


@pytest.mark.parametrize("drift", [0.0, 2e-4, 1e-2], ids=["on-policy", "small-drift", "large-drift"])
@pytest.mark.parametrize("name", CASES)
def test_recipe_equals_its_transcript(name: str, drift: float) -> None:
    case = CASES[name]
    recipe, group, rewards, noise, old, reference = explored(case)
    eps = drawn(group)
    grid = list(group.plan.sigmas)
    for units in recipe.updates([group], 4, RNG):
        twin = moved(old, drift)
        expected = case.transcript.run(twin, old, reference, noise, eps, rewards, grid, **case.oracle(group, units))
        torch.testing.assert_close(group.final, expected["final"], rtol=1e-9, atol=1e-9)
        check(recipe, units, moved(old, drift), reference, expected["loss"], twin)


SPLITS = (0, 1, 3)
TREES = {
    "branch-grpo": ({}, {}),
    "branch-grpo, last edges": ({"drop_last": False}, {}),
    "branch-grpo, plain noise": ({"split_noise": 1.0}, {"split_scale": 1.0}),
    "branch-grpo, pruned": ({"depth": 0.5}, {}),
}


@pytest.mark.parametrize("drift", [0.0, 2e-4, 1e-2], ids=["on-policy", "small-drift", "large-drift"])
@pytest.mark.parametrize("name", TREES)
def test_tree_equals_its_transcript(name: str, drift: float) -> None:
    changes, constants = TREES[name]
    tree = Branching(splits=tuple(split / 6 for split in SPLITS), **changes)
    case = Case(replace(branch_grpo(), steps=tree), branch, on_steps(), steps=6, group=8)
    recipe, group, rewards, noise, old, reference = explored(case)
    nodes = [group.plan.nodes(t + 1, group.size) for t in range(6)]
    eps = {t: rows[nodes[t]] for t, rows in drawn(group).items()}
    edges = [(t, j) for t in group.plan.steps for j in range(len(nodes[t]))]
    told = {"splits": SPLITS, "edges": edges, "clip": 1e-3} | constants
    for units in recipe.updates([group], 3, RNG):
        twin = moved(old, drift)
        expected = branch.run(twin, old, reference, noise[0], eps, rewards[0], list(group.plan.sigmas), **told)
        torch.testing.assert_close(group.final, expected["final"], rtol=1e-9, atol=1e-9)
        assert sum(unit.weight for unit in units) == len(edges)
        check(recipe, units, moved(old, drift), reference, expected["loss"], twin)


def explored(case: Case) -> tuple[PolicyGradient, RolloutGroup, Tensor, Tensor, Field, Field]:
    """The recipe in float64, its group with advantages, the rewards (1, G) and the members' own initial noises."""
    recipe, old, reference = replace(case.recipe, perturber=Double(case.recipe.perturber)), Field(1), Field(2)
    sampling = Sampling(steps=case.steps, group_size=case.group, store="float64")
    plan = recipe.plan(0, shift_grid(case.steps, 3.0), sampling, RNG)
    with torch.no_grad():
        group = recipe.rollout(ToyPolicy(old, reference), [Prompt("a red circle")], plan, sampling, RNG)[0]
    rewards = torch.randn(1, case.group, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    group.advantages = recipe.advantage(rewards[:, None], torch.ones(1, dtype=torch.float64), plan)[0].double()
    noise = recipe.perturber(case.group, SHAPE, RNG.generator("noise", 0))
    if plan.lineage is not None:
        noise = noise[plan.lineage.nodes[:, 0]]
    return recipe, group, rewards, noise, old, reference


def drawn(group: RolloutGroup) -> dict[int, Tensor]:
    """The noise (G, *L) of each step that draws any: a step to 0 of `cps` draws none."""
    generator, kept = RNG.generator("sde", 0), {}
    for t in range(group.plan.length):
        if group.plan.stochastic[t]:
            kept[t] = torch.randn(group.size, *SHAPE, generator=generator).double()
    return kept


def check(recipe: PolicyGradient, units: list[Unit], current: Field, reference: Field, expected: Tensor, twin: Field) -> None:
    """Loss and gradient of one update, which end where advantages, handed over in float32, are rounded."""
    losses = [recipe.loss(ToyPolicy(current, reference), unit)[0] * unit.weight for unit in units]
    loss = torch.stack(losses).sum() / sum(unit.weight for unit in units)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-7)
    gradient = torch.autograd.grad(loss, list(current.parameters()))
    expected_gradient = torch.autograd.grad(expected, list(twin.parameters()))
    for mine, theirs in zip(gradient, expected_gradient, strict=True):
        assert (mine - theirs).norm() <= 1e-6 * theirs.norm() + 1e-12
