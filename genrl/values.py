"""Plain values checked against the annotation of the field they fill, with an error a person can read."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from genrl.errors import ConfigError, PluginError

_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "text", type(None): "null"}
_BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def validated(annotation: Any, value: Any, where: str) -> Any:
    """`value` as `annotation` wants it: a number for a number, text for text, lists become tuples where tuples belong.

    Nothing is converted but a whole number to a float, text that spells a number ("1e-5", which YAML 1.1 reads as text)
    and one value to a list of one. Raises ConfigError, naming `where`.
    """
    single = _is_list(annotation) and value is not None and not isinstance(value, list | tuple)
    try:
        return _validate(annotation, [value] if single else value)
    except ValidationError as error:
        number = _spelled_number(annotation, value)
        if number is not None:
            return validated(annotation, number, where)
        raise ConfigError(_sentence(annotation, value, where, error)) from None
    except PydanticSerializationError:
        raise ConfigError(f"{where} must be {describe(annotation)}, got {value!r}.") from None


def describe(annotation: Any) -> str:
    """What a field of this annotation takes, in words: "a number, paper or adaptive"."""
    words = [_words(leaf) for leaf in _leaves(annotation)]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def field_types(owner: type) -> dict[str, Any]:
    """The annotations of a dataclass's fields, in order, with string annotations resolved."""
    try:
        hints = typing.get_type_hints(owner, include_extras=True)
    except NameError as error:
        raise PluginError(
            f"An annotation of {owner.__module__}.{owner.__qualname__} cannot be resolved ({error}); "
            "import the name at run time, not only under TYPE_CHECKING."
        ) from error
    return {field.name: hints[field.name] for field in dataclasses.fields(owner) if field.init}


def _validate(annotation: Any, value: Any) -> Any:
    # Through JSON, whose types plain data has: strict mode then takes a list for a tuple, yet no text for a number.
    adapter: TypeAdapter[Any] = TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    return adapter.validate_json(to_json(value, inf_nan_mode="constants"), strict=True)


def _spelled_number(annotation: Any, value: Any) -> float | None:
    if not isinstance(value, str) or float not in _leaves(annotation):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _sentence(annotation: Any, value: Any, where: str, error: ValidationError) -> str:
    """One sentence for all that pydantic found: the bound that was crossed, else what the field takes."""
    first = error.errors()[0]
    if first["type"] in _BOUNDS:
        words, key = _BOUNDS[first["type"]]
        item = "".join(f".{part}" for part in first["loc"] if isinstance(part, int))
        return f"{where}{item} must be {words} {first['ctx'][key]:g}, got {first['input']!r}."
    if first["type"] == "finite_number":
        return f"{where} must be a finite number, got {value!r}."
    sentence = f"{where} must be {describe(annotation)}, got {value!r}"
    leaves = _leaves(annotation)
    choices = [leaf for leaf in leaves if isinstance(leaf, str)]
    near = difflib.get_close_matches(str(value), choices, n=1)
    if near:
        return f"{sentence}; did you mean {near[0]!r}?"
    if str in leaves and isinstance(value, bool | int | float):
        return f"{sentence}. Put it in quotes to mean text."
    return f"{sentence}."


def _leaves(annotation: Any) -> tuple[Any, ...]:
    """The plain types and the literal choices that an annotation allows side by side."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _leaves(arguments[0])
    if origin is Literal:
        return arguments
    if origin in (typing.Union, types.UnionType):
        return tuple(leaf for part in arguments for leaf in _leaves(part))
    return (annotation,)


def _words(leaf: Any) -> str:
    if _is_list(leaf):
        return f"a list, each {describe(typing.get_args(leaf)[0])}"
    origin = typing.get_origin(leaf) or leaf
    if origin is tuple:
        return f"a list of {len(typing.get_args(leaf))} ({', '.join(describe(part) for part in typing.get_args(leaf))})"
    if isinstance(origin, type):
        return "a mapping" if issubclass(origin, Mapping) else _WORDS.get(origin, origin.__name__)
    return str(leaf)


def _is_list(annotation: Any) -> bool:
    """Whether it is a tuple of any length."""
    return typing.get_origin(annotation) is tuple and typing.get_args(annotation)[1:] == (Ellipsis,)
