"""Components to plain data and back: a component is its own configuration.

A field that is annotated with a protocol (`solver: Solver`, `Solver | None`, `tuple[Regularizer, ...]`) is filled by
the name of a registered component, or by a mapping of its fields; every other field by a plain value.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TypeVar

from genrl.errors import ConfigError
from genrl.registry import component_name, entries, entry, is_component, kind_of, suggestion
from genrl.values import field_types, validated

T = TypeVar("T")


def to_spec(value: Any) -> Any:
    """Plain data of a component, a settings dataclass or a value: mappings, lists, text, numbers, true, false and None.

    A registered component carries its "name". `from_spec` undoes it.
    """
    if is_component(value):
        head = {"name": component_name(value)} if "kind" in vars(type(value)) else {}
        return head | {field.name: to_spec(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, Mapping):
        return {str(key): to_spec(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [to_spec(part) for part in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, PurePath):
        return str(value)
    raise ConfigError(f"{value!r} is no plain value, so it cannot be written to a configuration.")


def from_spec(kind: str, spec: str | Mapping[str, Any], where: str = "") -> Any:
    """The component that `spec` describes: a name, or a mapping of "name" and fields.

    A name may belong to a recipe, a function that returns a component; the fields then change what it returns.

    Raises ConfigError, which says where, for an unknown name or field, a wrong type or a field that is missing.
    """
    fields = {"name": spec} if isinstance(spec, str) else dict(_mapping(spec, where or kind, "a name or "))
    if not isinstance(fields.get("name"), str):
        raise ConfigError(f"{where or f'A {kind}'} needs a name; known: {', '.join(entries(kind))}.")
    found = entry(kind, fields.pop("name"))
    if not isinstance(found.target, type):
        return merge(found.target(), fields, where)
    values = _filled(found.target, fields, None, where or found.name)
    missing = [f.name for f in dataclasses.fields(found.target) if _required(f) and f.name not in values]
    if missing:
        raise ConfigError(f"{_join(where or found.name, missing[0])} must be given: {found.name} has no default for it.")
    return found.target(**values)


def merge(component: T, changes: Mapping[str, Any], where: str = "") -> T:
    """The component with some of its fields changed.

    A component field is replaced by a bare name and by a mapping with another name; a mapping without a name, or with
    the name it already has, changes that component's own fields.
    """
    return dataclasses.replace(component, **_filled(type(component), changes, component, where))  # type: ignore[type-var]


def override(component: T, path: str, value: Any, where: str = "") -> T:
    """The component with the field at a dotted path changed: `override(recipe, "perturber.sigma", 0.2)`.

    A part of the path names a field, the index or name of a component in a list, or a key of a mapping.
    """
    head, _, rest = path.partition(".")
    if not rest:
        return merge(component, {head: value}, where)
    place = _join(where, head)
    _check_known(type(component), head, where)
    return dataclasses.replace(component, **{head: _inside(getattr(component, head), rest, value, place)})  # type: ignore[type-var]


@dataclass(frozen=True)
class Slot:
    """How components fill a field: of which kind, whether None will do, whether it takes several."""

    kind: str
    optional: bool = False
    many: bool = False

    @staticmethod
    def of(annotation: Any) -> Slot | None:
        """None for a field of plain values."""
        origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            return Slot.of(parts[0])
        if origin in (typing.Union, types.UnionType):
            slots = [slot for slot in map(Slot.of, parts) if slot]
            return dataclasses.replace(slots[0], optional=type(None) in parts) if slots else None
        if origin in (tuple, list, Sequence) and parts:
            inner = Slot.of(parts[0])
            return dataclasses.replace(inner, many=True) if inner else None
        kind = kind_of(annotation)
        return Slot(kind) if kind else None

    def fill(self, value: Any, current: Any, where: str) -> Any:
        if value is None and self.optional:
            return None
        if not self.many:
            return self._one(value, current, where)
        values = value if isinstance(value, list | tuple) else [value]
        return tuple(self._one(part, None, f"{where}.{index}") for index, part in enumerate(values))

    def _one(self, value: Any, current: Any, where: str) -> Any:
        if isinstance(value, Mapping) and current is not None:
            fields = {key: part for key, part in value.items() if key != "name"}
            if value.get("name", component_name(current)) == component_name(current):
                return merge(current, fields, where)
        return from_spec(self.kind, value, where)


def _filled(owner: type, changes: Mapping[str, Any], current: Any, where: str) -> dict[str, Any]:
    """The values for the fields of `owner` that `changes` describes."""
    values = {}
    for name, value in _mapping(changes, where or owner.__name__).items():
        _check_known(owner, name, where)
        annotation, place = field_types(owner)[name], _join(where, name)
        slot = Slot.of(annotation)
        before = getattr(current, name) if current is not None else None
        values[name] = slot.fill(value, before, place) if slot else validated(annotation, value, place)
    return values


def _inside(current: Any, path: str, value: Any, where: str) -> Any:
    """What `override` does below a field: into a component, an item of a list or a key of a mapping."""
    head, _, rest = path.partition(".")
    if isinstance(current, tuple):
        index = _index(current, head, where)
        item = current[index]
        if not rest:
            raise ConfigError(f"{where}.{head} is an item of a list; set one of its fields, or {where} as a whole.")
        return (*current[:index], override(item, rest, value, _join(where, head)), *current[index + 1 :])
    if isinstance(current, Mapping):
        return {**current, head: _inside(current.get(head, {}), rest, value, _join(where, head)) if rest else value}
    if is_component(current):
        return override(current, path, value, where)
    if current is None:
        raise ConfigError(f"{where} is not set, so {where}.{path} cannot be; set {where} first.")
    raise ConfigError(f"{where} is {current!r}, which has no setting {path!r}.")


def _index(items: tuple[Any, ...], key: str, where: str) -> int:
    """The place of an item that is called by its number or its name; a label stands for the name where there is one."""
    names = [str(getattr(item, "label", "") or getattr(item, "name", "")) for item in items]
    if key in names:
        return names.index(key)
    if key.isdecimal() and int(key) < len(items):
        return int(key)
    raise ConfigError(f"{where} has no item {key!r}{suggestion(key, names)}")


def _check_known(owner: type, name: str, where: str) -> None:
    if name not in field_types(owner):
        raise ConfigError(f"There is no setting {_join(where, name)!r}{suggestion(str(name), field_types(owner))}")


def _mapping(value: Any, where: str, instead: str = "") -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be {instead}a mapping of settings, got {value!r}.")
    return value


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else str(name)


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
