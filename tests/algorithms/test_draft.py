"""DRaFT-K equals its transcript, whose gradient with K = T is that of the whole trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from genrl.algorithms import DirectGradient, draft
from genrl.config import check, resolve
from genrl.errors import ConfigError, RewardError
from genrl.run import build
from genrl.schedule import shift_grid
from genrl.solvers import DPMSolverPP, Heun
from genrl.types import Condition, Metrics, Prompt, Sampling
from tests.test_transcripts import RNG, SHAPE, Double, Field, ToyPolicy, moved
from tests.transcripts import draft as transcript

STEPS, MEMBERS, TEXTS = 5, 3, ("a red circle", "two blue squares")
GRID = shift_grid(STEPS, 3.0)
SAMPLING = Sampling(steps=STEPS, group_size=MEMBERS, store="float64")


def reward(latents: Tensor) -> Tensor:
    return (latents - 0.3 * latents.square()).flatten(1).tanh().sum(dim=1)


class Rewarded(ToyPolicy):
    """Counts the calls that ask for nothing to be kept."""

    recomputed = 0

    def velocity(self, x: Tensor, sigma: float, condition: Condition, *, recompute: bool = False) -> Tensor:
        self.recomputed += recompute
        return super().velocity(x, sigma, condition)

    def reward(self, latents: Tensor, prompts: Sequence[Prompt]) -> tuple[Tensor, Metrics]:
        assert len(latents) == len(prompts)
        return reward(latents), {}


def learned(recipe: DirectGradient, rows: int) -> tuple[Tensor, tuple[Tensor, ...], Tensor, Rewarded, Field]:
    """Loss and gradient of the first update, and the noise that it began with."""
    field = moved(Field(1), 1e-2)
    policy = Rewarded(field, Field(2))
    plan = recipe.plan(0, GRID, SAMPLING, RNG)
    prompts = [Prompt(text, index=i) for i, text in enumerate(TEXTS)]
    with torch.no_grad():
        groups = recipe.rollout(policy, prompts, plan, SAMPLING, RNG)
    (units,) = recipe.updates(groups, rows, RNG)
    assert sum(unit.weight for unit in units) == len(TEXTS) * MEMBERS
    losses = [recipe.loss(policy, unit)[0] * unit.weight for unit in units]
    loss = torch.stack(losses).sum() / (len(TEXTS) * MEMBERS)
    gradient = torch.autograd.grad(loss, list(field.parameters()))
    noise = torch.cat([recipe.perturber(MEMBERS, SHAPE, RNG.generator("noise", i)) for i in range(len(TEXTS))])
    return loss, gradient, noise, policy, field


@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("last", [1, 2, STEPS])
def test_recipe_equals_its_transcript(last: int, rows: int) -> None:
    recipe = replace(draft(), perturber=Double(draft().perturber), last_steps=last)
    loss, gradient, noise, policy, field = learned(recipe, rows)
    expected = transcript.loss(field, noise, list(GRID), reward, last=last)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-9)
    for mine, theirs in zip(gradient, torch.autograd.grad(expected, list(field.parameters())), strict=True):
        assert (mine - theirs).norm() <= 1e-6 * theirs.norm()
    assert policy.recomputed == -(-len(TEXTS) * MEMBERS // rows) * last


def test_all_steps_give_the_gradient_of_the_whole_trajectory() -> None:
    recipe = replace(draft(), perturber=Double(draft().perturber), last_steps=STEPS, recompute=False)
    _, gradient, x, policy, field = learned(recipe, 100)
    for k in range(STEPS):
        x = x + (GRID[k + 1] - GRID[k]) * field(x, GRID[k])
    for mine, whole in zip(gradient, torch.autograd.grad(-reward(x).mean(), list(field.parameters())), strict=True):
        torch.testing.assert_close(mine, whole, rtol=1e-9, atol=1e-12)
    assert policy.recomputed == 0


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (replace(draft(), last_steps=STEPS + 1), "more than sampling.steps"),
        (replace(draft(), solver=DPMSolverPP()), "remembers the steps before"),
    ],
)
def test_what_cannot_work_is_refused(recipe: DirectGradient, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        recipe.check(SAMPLING)


def test_a_solver_of_two_evaluations_is_differentiated_as_well() -> None:
    recipe = replace(draft(), perturber=Double(draft().perturber), solver=Heun(), last_steps=2)
    recipe.check(SAMPLING)
    _, gradient, _, policy, _ = learned(recipe, 100)
    assert all(part.norm() > 0 for part in gradient)
    assert policy.recomputed == 3  # the last step down to 0 is Euler's


@pytest.mark.parametrize(
    ("sets", "error", "says"),
    [
        (["rewards=[scenes]"], RewardError, "follows the gradient of the reward, and 'scenes' has none"),
        (["rewards=[sharpness]", "model.offload=true"], ConfigError, "set model.offload=false"),
    ],
)
def test_a_run_without_a_gradient_is_refused_before_weights_are_loaded(
    sets: list[str], error: type[Exception], says: str, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("genrl.run.load_policy", lambda *args: pytest.fail("weights were loaded"))
    config = resolve("draft", preset="none", sets=[*sets, "run.device=cpu"])
    with pytest.raises(error, match=says):
        check(config)
    with pytest.raises(error, match=says):
        build(config, tmp_path, reporter=None)
