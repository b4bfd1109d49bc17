"""Layers of changes, and how one changes a RunConfig."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genrl.config.rewards import parse_rewards
from genrl.config.run_config import SECTIONS, RunConfig
from genrl.config.text import parse
from genrl.errors import ConfigError
from genrl.registry import is_component, suggestion
from genrl.spec import merge, override
from genrl.values import field_types

#: (dotted path, value). The path starts with a section, with a field of the algorithm, or with `algorithm`.
Change = tuple[str, Any]


@dataclass(frozen=True)
class Layer:
    """Changes of one origin, in their order. Errors begin with `origin` if it is not empty."""

    changes: tuple[Change, ...]
    origin: str = ""

    @staticmethod
    def of(changes: Mapping[str, Any], origin: str = "") -> Layer:
        return Layer(tuple(changes.items()), origin)


def parse_set(text: str) -> Change:
    """`train.max_steps=100` -> ("train.max_steps", 100)."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise ConfigError(f"--set takes KEY=VALUE such as perturber.sigma=0.2, got {text!r}.")
    return path.strip(), parse(value, f"The value of --set {path.strip()}")


def applied(config: RunConfig, layers: Sequence[Layer]) -> RunConfig:
    """The configuration after all changes, in order."""
    for layer in layers:
        for path, value in layer.changes:
            try:
                config = _apply(config, str(path), value)
            except ConfigError as error:
                raise ConfigError(f"{layer.origin}: {error}" if layer.origin else str(error)) from error
    return config


def _apply(config: RunConfig, path: str, value: Any) -> RunConfig:
    head, _, rest = path.partition(".")
    if head == "rewards" and not rest:
        return dataclasses.replace(config, rewards=parse_rewards(value))
    if head == "rewards" and "." not in rest:
        return override(config, f"{path}.weight", value)
    if head in SECTIONS and rest:
        return override(config, path, value)
    if head in SECTIONS:
        return dataclasses.replace(config, **{head: merge(getattr(config, head), value, head)})
    if head == "algorithm" and not rest:
        return dataclasses.replace(config, algorithm=merge(config.algorithm, _fields(value)))
    own = rest if head == "algorithm" else path
    if own.partition(".")[0] not in field_types(type(config.algorithm)):
        raise ConfigError(_unknown(config, own))
    return dataclasses.replace(config, algorithm=override(config.algorithm, own, value))


def _fields(algorithm: Any) -> Any:
    """What an `algorithm` section changes; its name was used to choose the recipe."""
    if isinstance(algorithm, Mapping):
        return {key: value for key, value in algorithm.items() if key != "name"}
    return {} if isinstance(algorithm, str) else algorithm


def _unknown(config: RunConfig, path: str) -> str:
    """The error for a key that is no section and no field of the algorithm."""
    own = list(field_types(type(config.algorithm)))
    places = [place for place in _places(config) if place.rpartition(".")[2] == path]
    if places:
        return f"There is no setting {path!r} at the top level; did you mean {' or '.join(map(repr, places))}?"
    return f"There is no setting {path!r}{suggestion(path.partition('.')[0], ['algorithm', *SECTIONS, *own])}"


def _places(config: RunConfig) -> Iterator[str]:
    """Dotted paths of the settings one level down."""
    owners = [(name, getattr(config.algorithm, name)) for name in field_types(type(config.algorithm))]
    owners += [(name, getattr(config, name)) for name in SECTIONS]
    for name, owner in owners:
        if is_component(owner):
            yield from (f"{name}.{field}" for field in field_types(type(owner)))
