"""The first update's ratio is held to what the rollout stored."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genrl.algorithms import PolicyGradient
from genrl.config import resolve
from genrl.doctor import FirstUpdate
from genrl.metering import Meter
from genrl.protocols import Algorithm
from genrl.registry import entries
from genrl.spec import from_spec
from genrl.testing import ToyModel
from genrl.testing.run import ToyRun
from genrl.types import Condition

RECIPES = sorted(name for name, found in entries("algorithm").items() if found.origin.startswith("genrl."))
#: Those that clip the ratio to the policy of the rollout.
CLIPPING = [name for name in RECIPES if isinstance(from_spec("algorithm", name), PolicyGradient)]


def algorithm(name: str, *sets: str) -> Algorithm:
    return resolve(name, preset="none", sets=sets).algorithm


def warnings_of(recipe: Algorithm, factor: float = 1.0, declared: bool = False, suspects: tuple[str, ...] = ()) -> list[str]:
    """What is said of the first update, where learning multiplies the rollout's velocities by `factor`."""
    run, said = ToyRun(recipe), []
    groups = run.explore(0)
    run.credit(groups)
    units = run.updates(0, groups)[0]
    run.policy.model = Scaled(run.policy.model, factor)
    meter = Meter()
    for unit in units:
        meter.add(recipe.loss(run.policy, unit)[1], unit.weight)
    counts = dict(run.policy.counts)
    FirstUpdate(torch.float32, suspects, declared, said.append)(recipe, run.policy, units, meter)
    assert run.policy.counts == counts, "the check asks the network"
    return said


class Scaled:
    """A model whose velocities are multiplied by a number."""

    def __init__(self, model: ToyModel, factor: float) -> None:
        self._model, self._factor = model, factor

    def __getattr__(self, name: str) -> object:
        return getattr(self._model, name)

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition) -> Tensor:
        return self._factor * self._model.velocity(x, sigma, condition)


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_is_said_of_the_recipes(name: str) -> None:
    exceptions = entries("algorithm")[name].facts.get("exceptions", {})
    assert warnings_of(algorithm(name), declared="ratio-is-one-at-unchanged-weights" in exceptions) == []


@pytest.mark.parametrize("name", CLIPPING)
def test_a_network_that_learns_otherwise_than_it_samples_is_told(name: str) -> None:
    said = warnings_of(algorithm(name), factor=1.5, declared=True, suspects=("train.mixed_precision=bf16",))
    assert len(said) == 1
    assert "answers otherwise in learning" in said[0]
    assert "train.mixed_precision=bf16" in said[0]


def test_nan_is_told() -> None:
    assert "answers otherwise" in warnings_of(algorithm("mix-grpo"), factor=float("nan"))[0]


def test_an_old_reference_that_the_train_solver_does_not_reach_is_told_unless_declared() -> None:
    recipe = algorithm("neighbor-grpo", "surrogate.old_reference=stored")
    said = warnings_of(recipe)
    assert len(said) == 1
    assert "by the recipe's formula alone" in said[0]
    assert "surrogate.old_reference=train-solver" in said[0]
    assert warnings_of(recipe, declared=True) == []
    assert warnings_of(algorithm("neighbor-grpo", "surrogate.old_reference=stored", "solver=euler")) == []


def test_a_method_without_a_ratio_is_left_alone() -> None:
    meter, recipe = Meter(), algorithm("neighbor-grpo")
    meter.add({"loss": torch.tensor(1.0)}, 1)
    said: list[str] = []
    FirstUpdate(torch.float32, warn=said.append)(recipe, ToyRun(recipe).policy, [], meter)
    assert said == []
