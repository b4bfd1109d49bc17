"""Plain values against annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest

from genrl.bounds import BelowOne, Count, Positive
from genrl.errors import ConfigError, PluginError
from genrl.values import describe, field_types, validated

ACCEPTED = [
    (float, 3, 3.0),
    (float, "1e-5", 1e-5),
    (float | None, None, None),
    (float | None, "2", 2.0),
    (int, 4, 4),
    (bool, False, False),
    (str, "4", "4"),
    (tuple[float, float], [1, 0.5], (1.0, 0.5)),
    (tuple[str, ...], ["a", "b"], ("a", "b")),
    (tuple[str, ...], "a", ("a",)),
    (Literal["a", "b"] | int, 3, 3),
    (float | Literal["adaptive"], "adaptive", "adaptive"),
    (Mapping[str, Any], {"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
    (Positive | None, 1e-9, 1e-9),
]

REFUSED = [
    (float, "abc", "x must be a number, got 'abc'."),
    (float, True, "x must be a number, got True."),
    (int, True, "x must be a whole number, got True."),
    (int, 3.5, "x must be a whole number, got 3.5."),
    (int, "3", "x must be a whole number, got '3'."),
    (bool, 1, "x must be true or false, got 1."),
    (bool, "no", "x must be true or false, got 'no'."),
    (str, 3, "x must be text, got 3. Put it in quotes to mean text."),
    (float, None, "x must be a number, got None."),
    (tuple[float, float], [1, 2, 3], "x must be a list of 2 (a number, a number), got [1, 2, 3]."),
    (tuple[Literal["wandb"], ...], ["wand"], "x must be a list, each wandb, got ['wand']."),
    (Literal["linear", "cosine"], "linaer", "x must be linear or cosine, got 'linaer'; did you mean 'linear'?"),
    (float | Literal["paper", "mean"], "men", "x must be a number, paper or mean, got 'men'; did you mean 'mean'?"),
    (Mapping[str, Any], 3, "x must be a mapping, got 3."),
    (Count, 0, "x must be at least 1, got 0."),
    (Positive, 0.0, "x must be greater than 0, got 0.0."),
    (Positive, float("nan"), "x must be a finite number, got nan."),
    (tuple[BelowOne, BelowOne], [0.9, 1], "x.1 must be less than 1, got 1."),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), ACCEPTED)
def test_accepts(annotation: Any, value: Any, expected: Any) -> None:
    found = validated(annotation, value, "x")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(("annotation", "value", "sentence"), REFUSED)
def test_refuses_in_a_sentence(annotation: Any, value: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validated(annotation, value, "x")
    assert str(caught.value) == sentence


def test_what_json_cannot_hold_is_no_value() -> None:
    with pytest.raises(ConfigError, match=r"^x must be text, got <object"):
        validated(str, object(), "x")


def test_describe_names_what_is_allowed() -> None:
    assert describe(Literal["rollout", "anchor"] | int) == "rollout, anchor or a whole number"
    assert describe(str | None) == "text or null"


def test_field_types_are_the_init_fields_in_order() -> None:
    @dataclass(frozen=True)
    class Thing:
        shared: ClassVar[int] = 3
        b: int = 1
        a: str = ""

    assert field_types(Thing) == {"b": int, "a": str}


def test_an_annotation_that_cannot_be_resolved_is_the_plugins_fault() -> None:
    @dataclass(frozen=True)
    class Broken:
        solver: NoSuchName  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(PluginError, match=r"NoSuchName.*TYPE_CHECKING"):
        field_types(Broken)
