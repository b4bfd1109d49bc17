"""From what was asked for to a RunConfig. Later layers win: settings' defaults, recipe, preset, file, `--set`, flags."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrl.config.presets import NO_PRESET, preset as load_preset
from genrl.config.rewards import parse_rewards
from genrl.config.run_config import SECTIONS, RunConfig
from genrl.config.text import parse, read_mapping
from genrl.errors import ConfigError
from genrl.registry import entry, suggestion
from genrl.settings import ModelSettings
from genrl.spec import from_spec, merge, override
from genrl.values import field_types

DEFAULT_ALGORITHM = "neighbor-grpo"
#: The embedded model comes with its own reward and prompts, and with a preset of its name.
SCENES = "scenes"
_SCENES_WORLD = {"rewards": {SCENES: 1.0}, "prompts": {"source": SCENES}}


@dataclass(frozen=True)
class Layer:
    """Changes of one origin, as (dotted path, value) in their order. Errors name `origin` if it is not empty."""

    changes: tuple[tuple[str, Any], ...]
    origin: str = ""


def resolve(
    algo: str | None = None,
    *,
    preset: str | None = None,
    config: Path | Mapping[str, Any] | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Everything that a run needs, from the few things that were said.

    algo: a registered algorithm; None takes the one of `sets` or `config`, else neighbor-grpo.
    preset: a name, or "none"; None takes `scenes` if that is the model.
    config: a YAML file or the mapping that it would hold. `sets`: `key=value` each, the value in YAML.
    flags: values by dotted path.

    Raises ConfigError for an unknown key or name and for a value of the wrong type.
    """
    data = read_mapping(config) if isinstance(config, Path) else dict(config or {})
    said = [parse_set(text) for text in sets]
    name = _algorithm_name(algo, said, data)
    asked = [
        Layer(tuple(data.items()), str(config) if isinstance(config, Path) else ""),
        Layer(tuple((path, value) for path, value in said if path not in ("algorithm", "algorithm.name"))),
        Layer(tuple((flags or {}).items())),
    ]
    facts = entry("algorithm", name).facts.get("run", {})
    recipe = Layer(tuple(facts.items()), f"The run settings of {name}")
    world = _model_path([recipe, *asked]) == SCENES
    chosen = preset or (SCENES if world else NO_PRESET)
    below = [Layer(tuple(_SCENES_WORLD.items()))] if world else []
    tuned = [Layer(tuple(part.items()), f"The preset {chosen}") for part in load_preset(chosen, name)]
    return _applied(RunConfig(name, from_spec("algorithm", name)), [*below, recipe, *tuned, *asked])


def parse_set(text: str) -> tuple[str, Any]:
    """`train.max_steps=100` -> ("train.max_steps", 100)."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise ConfigError(f"--set takes KEY=VALUE such as perturber.sigma=0.2, got {text!r}.")
    return path.strip(), parse(value, f"The value of --set {path.strip()}")


def _algorithm_name(algo: str | None, said: Sequence[tuple[str, Any]], data: Mapping[str, Any]) -> str:
    """The recipe to start from; ConfigError if the file changes fields of another one."""
    section = data.get("algorithm")
    in_file = section.get("name") if isinstance(section, Mapping) else section
    in_sets = [value for path, value in said if path in ("algorithm", "algorithm.name")]
    name = algo or (in_sets[-1] if in_sets else None) or in_file or DEFAULT_ALGORITHM
    if not isinstance(name, str):
        raise ConfigError(f"algorithm must be a name or a mapping with a name, got {name!r}.")
    if isinstance(section, Mapping) and in_file not in (None, name) and len(section) > 1:
        raise ConfigError(
            f"The configuration file sets fields of {in_file}, but {name} is asked for; "
            "remove its `algorithm` section or do not ask for another algorithm."
        )
    return name


def _model_path(layers: Sequence[Layer]) -> Any:
    """The model that the layers ask for; a preset is chosen by it, so it cannot come from one."""
    found: Any = ModelSettings.path
    for path, value in (change for layer in layers for change in layer.changes):
        if path == "model.path":
            found = value
        elif path == "model" and isinstance(value, Mapping):
            found = value.get("path", found)
    return found


def _applied(config: RunConfig, layers: Sequence[Layer]) -> RunConfig:
    for layer in layers:
        for path, value in layer.changes:
            try:
                config = _apply(config, path, value)
            except ConfigError as error:
                raise ConfigError(f"{layer.origin}: {error}" if layer.origin else str(error)) from error
    return config


def _apply(config: RunConfig, path: str, value: Any) -> RunConfig:
    """The configuration with one key changed."""
    head, _, rest = str(path).partition(".")
    if head == "rewards" and not rest:
        return dataclasses.replace(config, rewards=parse_rewards(value))
    if head == "rewards" and "." not in rest:
        return override(config, f"{path}.weight", value)
    if head in SECTIONS:
        if rest:
            return override(config, path, value)
        return dataclasses.replace(config, **{head: merge(getattr(config, head), value, head)})
    if head == "algorithm":
        return dataclasses.replace(config, algorithm=_changed(config, rest, value))
    if head not in field_types(type(config.algorithm)):
        raise ConfigError(_unknown(config, str(path)))
    return dataclasses.replace(config, algorithm=override(config.algorithm, path, value))


def _changed(config: RunConfig, path: str, value: Any) -> Any:
    if path:
        return override(config.algorithm, path, value)
    fields = {} if isinstance(value, str) else {key: part for key, part in value.items() if key != "name"}
    return merge(config.algorithm, fields)


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
        if dataclasses.is_dataclass(owner):
            yield from (f"{name}.{field}" for field in field_types(type(owner)))
