"""Every recipe equals the straight-line transcript of its paper, in loss and in gradient, on and off policy.

The transcripts import nothing of the package. Both sides get the same noises, rewards, anchors and steps, all in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genrl.algorithms import (
    PolicyGradient,
    dance_grpo,
    flow_grpo,
    mix_grpo,
    mix_grpo_flash,
    neighbor_grpo,
    neighbor_grpo_paper,
)
from genrl.protocols import Perturber, Velocity
from genrl.randomness import Randomness
from genrl.schedule import shift_grid
from genrl.solvers import Euler
from genrl.surrogates import SoftmaxDistance
from genrl.types import Condition, Prompt, RolloutGroup, Sampling, Unit
from tests.transcripts import dance_grpo as dance
from tests.transcripts import flow_grpo as flow
from tests.transcripts import mix_grpo as mix
from tests.transcripts import mix_grpo_flash as flash
from tests.transcripts import neighbor_grpo as neighbor

SHAPE = (2, 3)
GROUP = 6
RNG = Randomness(("transcript",))


class Field(nn.Module):
    """A small non-linear velocity field, float64."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first = nn.Parameter(0.4 * torch.randn(8, 7, generator=generator, dtype=torch.float64))
        self.second = nn.Parameter(0.4 * torch.randn(6, 8, generator=generator, dtype=torch.float64))

    def forward(self, x: Tensor, sigma: float) -> Tensor:
        rows = torch.cat([x.double().flatten(1), x.new_full((len(x), 1), sigma).double()], dim=1)
        return (torch.tanh(rows @ self.first.T) @ self.second.T).view(x.shape) + 0.3 * x.double()


@dataclass(frozen=True)
class Double:
    """A perturber whose noise is float64, so that the whole rollout is."""

    inner: Perturber

    def __call__(self, size: int, shape: Sequence[int], rng: torch.Generator) -> Tensor:
        return self.inner(size, shape, rng).double()


class ToyPolicy:
    """The policy an algorithm sees: a current field and a reference."""

    device = torch.device("cpu")

    def __init__(self, field: Field, reference: Field) -> None:
        self.field, self.reference, self.active = field, reference, field

    def velocity(self, x: Tensor, sigma: float, condition: Condition) -> Tensor:
        assert len(condition) == len(x)
        return self.active(x, sigma)

    def solve(self, condition: Condition, sigmas: tuple[float, ...]) -> AbstractContextManager[Velocity]:
        return nullcontext(partial(self.velocity, condition=condition))

    def latent_shape(self) -> tuple[int, ...]:
        return SHAPE

    @contextmanager
    def using(self, weights: str) -> Iterator[None]:
        self.active = self.reference if weights == "reference" else self.field
        yield
        self.active = self.field


def moved(field: Field, by: float) -> Field:
    """A copy whose weights differ by `by`: the policy after an update."""
    other = Field(0)
    other.load_state_dict({name: value + by * torch.sin(7 * value) for name, value in field.state_dict().items()})
    return other


Oracle = Callable[[RolloutGroup, list[Unit]], dict[str, Any]]


def members_of(units: list[Unit]) -> list[int]:
    return sorted({int(m) for unit in units for _, members in unit.parts for m in members})


def steps_of(units: list[Unit]) -> list[int]:
    return sorted({unit.step for unit in units})


def on_neighbor(**constants: Any) -> Oracle:
    return lambda group, units: {"anchors": members_of(units), "steps": steps_of(units)} | constants


def on_dance(group: RolloutGroup, units: list[Unit]) -> dict[str, Any]:
    chosen = members_of(units)
    return {"steps": [group.plan.trained[i].tolist() if i in chosen else [] for i in range(GROUP)]}


def on_window(group: RolloutGroup, units: list[Unit]) -> dict[str, Any]:
    return {"window": steps_of(units), "members": members_of(units)}


def on_flow(group: RolloutGroup, units: list[Unit]) -> dict[str, Any]:
    return {"steps": steps_of(units), "members": members_of(units)}


adaptive = {"tau": "adaptive", "old_reference": "train-solver", "clip": 1e-2, "clamp": 10.0}
CASES: dict[str, tuple[PolicyGradient, int, Any, Oracle]] = {
    "neighbor-grpo": (neighbor_grpo(), 8, neighbor, on_neighbor(rollout="dpm++2m", **adaptive)),
    "neighbor-grpo, Euler rollout": (
        replace(neighbor_grpo(), solver=Euler()), 8, neighbor, on_neighbor(rollout="euler", **adaptive)),
    "neighbor-grpo, one update": (
        replace(neighbor_grpo(), update_every="rollout"), 8, neighbor, on_neighbor(rollout="dpm++2m", **adaptive)),
    "neighbor-grpo, tau = D": (
        replace(neighbor_grpo(), surrogate=SoftmaxDistance(tau="mean")), 8, neighbor,
        on_neighbor(rollout="dpm++2m", **(adaptive | {"tau": "mean"}))),
    "neighbor-grpo-paper": (
        neighbor_grpo_paper(), 8, neighbor,
        on_neighbor(rollout="dpm++2m", tau="paper", old_reference="stored", clip=0.2, clamp=10.0)),
    "neighbor-grpo-paper, Euler rollout": (
        replace(neighbor_grpo_paper(), solver=Euler()), 8, neighbor,
        on_neighbor(rollout="euler", tau="paper", old_reference="stored", clip=0.2, clamp=10.0)),
    "dance-grpo": (dance_grpo(), 8, dance, on_dance),
    "mix-grpo": (mix_grpo(), 8, mix, on_window),
    "mix-grpo-flash": (mix_grpo_flash(), 12, flash, on_window),
    "flow-grpo": (flow_grpo(), 6, flow, on_flow),
}  # fmt: skip


@pytest.mark.parametrize("drift", [0.0, 2e-4, 1e-2], ids=["on-policy", "small-drift", "large-drift"])
@pytest.mark.parametrize("name", CASES)
def test_recipe_equals_its_transcript(name: str, drift: float) -> None:
    recipe, steps, transcript, oracle = CASES[name]
    recipe = replace(recipe, perturber=Double(recipe.perturber))
    sampling = Sampling(steps=steps, group_size=GROUP, store="float64")
    old, reference = Field(1), Field(2)
    grid = shift_grid(steps, 3.0)
    plan = recipe.plan(0, grid, sampling, RNG)
    with torch.no_grad():
        group = recipe.rollout(ToyPolicy(old, reference), [Prompt("a red circle")], plan, sampling, RNG)[0]
    rewards = torch.randn(1, GROUP, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    group.advantages = recipe.advantage(rewards[:, None], torch.ones(1, dtype=torch.float64), plan)[0].double()
    noise = recipe.perturber(GROUP, SHAPE, RNG.generator("noise", 0))
    generator = RNG.generator("sde", 0)
    eps = {t: torch.randn(GROUP, *SHAPE, generator=generator).double() for t in range(plan.length) if plan.stochastic[t]}

    for units in recipe.updates([group], 4, RNG):
        current = moved(old, drift)
        losses = [recipe.loss(ToyPolicy(current, reference), unit)[0] * unit.weight for unit in units]
        loss = torch.stack(losses).sum() / sum(unit.weight for unit in units)
        gradient = torch.autograd.grad(loss, list(current.parameters()))

        twin = moved(old, drift)
        expected = transcript.run(twin, old, reference, noise, eps, rewards, list(grid), **oracle(group, units))
        expected_gradient = torch.autograd.grad(expected["loss"], list(twin.parameters()))

        torch.testing.assert_close(group.final, expected["final"], rtol=1e-9, atol=1e-9)
        # Advantages are handed over in float32, as in training, so agreement ends at their rounding.
        torch.testing.assert_close(loss, expected["loss"], rtol=1e-6, atol=1e-7)
        for mine, theirs in zip(gradient, expected_gradient, strict=True):
            assert (mine - theirs).norm() <= 1e-6 * theirs.norm() + 1e-12
