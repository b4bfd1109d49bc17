"""to_spec, from_spec, merge and override on components made for the purpose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from genrl import registry
from genrl.errors import ConfigError
from genrl.protocols import Regularizer, Solver
from genrl.registry import register
from genrl.spec import from_spec, merge, override, to_spec


@dataclass(frozen=True)
class Plain:
    evaluations: ClassVar[int] = 1


@dataclass(frozen=True)
class Tuned:
    order: int = 2
    rate: float = 0.5


@dataclass(frozen=True)
class Demanding:
    radius: float


@dataclass(frozen=True)
class Nesting:
    inner: Solver
    tail: Solver | None = None


@dataclass(frozen=True)
class Penalty:
    beta: float = 0.1


@dataclass(frozen=True)
class Weighing:
    gamma: float = 0.9


@dataclass(frozen=True)
class Recipe:
    solver: Solver = Tuned()
    train_solver: Solver | None = None
    regularizers: tuple[Regularizer, ...] = ()
    note: str = ""


def recipe() -> Recipe:
    return Recipe(solver=Nesting(inner=Tuned(order=1)), regularizers=(Penalty(0.3),))


COMPONENTS = [
    ("solver", "plain", Plain),
    ("solver", "tuned", Tuned),
    ("solver", "demanding", Demanding),
    ("solver", "nesting", Nesting),
    ("regularizer", "penalty", Penalty),
    ("regularizer", "weighing", Weighing),
    ("algorithm", "recipe", recipe),
    ("algorithm", "whole", Recipe),
]


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of nothing but the components above."""
    monkeypatch.setattr(registry, "_tables", {})
    monkeypatch.setattr(registry, "_loaded", [True])
    for kind, name, target in COMPONENTS:
        register(kind, name)(target)


def test_to_spec_is_plain_and_complete() -> None:
    assert to_spec(recipe()) == {
        "name": "whole",
        "solver": {"name": "nesting", "inner": {"name": "tuned", "order": 1, "rate": 0.5}, "tail": None},
        "train_solver": None,
        "regularizers": [{"name": "penalty", "beta": 0.3}],
        "note": "",
    }


@pytest.mark.parametrize("component", [Plain(), Tuned(3, 0.1), Demanding(2.0), Nesting(Plain(), Nesting(Tuned()))])
def test_from_spec_undoes_to_spec(component: Any) -> None:
    assert from_spec("solver", to_spec(component)) == component


def test_from_spec_takes_names_and_mappings() -> None:
    assert from_spec("solver", "tuned") == Tuned()
    assert from_spec("solver", {"name": "demanding", "radius": 3}) == Demanding(3.0)
    assert from_spec("solver", {"name": "nesting", "inner": "plain"}) == Nesting(Plain())


def test_a_recipe_is_called_before_its_fields_are_changed() -> None:
    assert from_spec("algorithm", "recipe") == recipe()
    changed = from_spec("algorithm", {"name": "recipe", "solver": {"inner": {"rate": 0.9}}, "note": "x"})
    assert changed == Recipe(Nesting(Tuned(order=1, rate=0.9)), regularizers=(Penalty(0.3),), note="x")


OVERRIDES = [
    ("note", "x", Recipe(Nesting(Tuned(1)), None, (Penalty(0.3),), "x")),
    ("solver", "tuned", Recipe(Tuned(), None, (Penalty(0.3),))),
    ("solver", {"name": "tuned", "order": 5}, Recipe(Tuned(5), None, (Penalty(0.3),))),
    ("solver", {"tail": "plain"}, Recipe(Nesting(Tuned(1), Plain()), None, (Penalty(0.3),))),
    ("solver", {"name": "nesting", "tail": "plain"}, Recipe(Nesting(Tuned(1), Plain()), None, (Penalty(0.3),))),
    ("solver.inner.order", 4, Recipe(Nesting(Tuned(4)), None, (Penalty(0.3),))),
    ("solver.inner", "plain", Recipe(Nesting(Plain()), None, (Penalty(0.3),))),
    ("train_solver", "tuned", Recipe(Nesting(Tuned(1)), Tuned(), (Penalty(0.3),))),
    ("train_solver", {"name": "demanding", "radius": 1}, Recipe(Nesting(Tuned(1)), Demanding(1.0), (Penalty(0.3),))),
    ("train_solver", None, recipe()),
    ("regularizers", [], Recipe(Nesting(Tuned(1)))),
    ("regularizers", "weighing", Recipe(Nesting(Tuned(1)), None, (Weighing(),))),
    (
        "regularizers",
        ["penalty", {"name": "weighing", "gamma": 1}],
        Recipe(Nesting(Tuned(1)), None, (Penalty(), Weighing(1.0))),
    ),
    ("regularizers.penalty.beta", 0.7, Recipe(Nesting(Tuned(1)), None, (Penalty(0.7),))),
    ("regularizers.0.beta", 0.7, Recipe(Nesting(Tuned(1)), None, (Penalty(0.7),))),
]


@pytest.mark.parametrize(("path", "value", "expected"), OVERRIDES)
def test_override(path: str, value: Any, expected: Recipe) -> None:
    assert override(recipe(), path, value) == expected


REFUSED = [
    ("solvr", "tuned", "There is no setting 'solvr'; did you mean 'solver'?"),
    ("solver.inner.ordr", 3, "There is no setting 'solver.inner.ordr'; did you mean 'order'?"),
    ("solver", "tund", "There is no solver named 'tund'; did you mean 'tuned'?"),
    ("solver", 3, "solver must be a name or a mapping of settings, got 3."),
    ("solver", None, "solver must be a name or a mapping of settings, got None."),
    ("solver", "penalty", "There is no solver named 'penalty'"),
    ("solver", "demanding", "solver.radius must be given: demanding has no default for it."),
    ("solver.inner.order", "two", "solver.inner.order must be a whole number, got 'two'."),
    ("solver", {"name": "tuned", "order": 1.5}, "solver.order must be a whole number, got 1.5."),
    ("train_solver", {"order": 1}, "train_solver needs a name; known: demanding, nesting, plain, tuned."),
    ("train_solver.order", 1, "train_solver is not set, so train_solver.order cannot be; set train_solver first."),
    ("regularizers", ["penaltee"], "There is no regularizer named 'penaltee'; did you mean 'penalty'?"),
    ("regularizers", [{"beta": 1}], "regularizers.0 needs a name"),
    ("regularizers.weighing.gamma", 1, "regularizers has no item 'weighing'. Known: penalty."),
    ("regularizers.0", "weighing", "regularizers.0 is an item of a list; set one of its fields, or regularizers"),
    ("note.x", 1, "note is '', which has no setting 'x'."),
]


@pytest.mark.parametrize(("path", "value", "sentence"), REFUSED)
def test_refuses_in_a_sentence(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override(recipe(), path, value)
    assert str(caught.value).startswith(sentence)


def test_merge_changes_several_fields_and_leaves_the_original() -> None:
    original = recipe()
    assert merge(original, {"note": "y", "solver": "plain"}) == Recipe(Plain(), None, (Penalty(0.3),), "y")
    assert original == recipe()


def test_only_plain_values_can_be_written() -> None:
    assert to_spec({"at": Path("a/b"), "pair": (1, 2)}) == {"at": "a/b", "pair": [1, 2]}
    with pytest.raises(ConfigError, match="no plain value"):
        to_spec(Recipe(note=object()))  # type: ignore[arg-type]
