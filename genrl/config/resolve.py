"""From what was asked for to a RunConfig. Later layers win: defaults, recipe, preset, file, `--set`, flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genrl.config.layers import Change, Layer, applied, parse_set
from genrl.config.presets import NO_PRESET, load_preset
from genrl.config.run_config import RunConfig
from genrl.config.text import read_mapping
from genrl.config.world import SCENES, WORLD
from genrl.errors import ConfigError
from genrl.registry import entry
from genrl.settings import ModelSettings
from genrl.spec import from_spec

DEFAULT_ALGORITHM = "neighbor-grpo"
_ALGORITHM = ("algorithm", "algorithm.name")


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
    config: a YAML file or the mapping that it would hold.
    sets: `key=value` each, the value in YAML.
    flags: values by dotted path.

    Raises ConfigError for an unknown key or name and for a value of the wrong type.
    """
    data = read_mapping(config) if isinstance(config, Path) else dict(config or {})
    said = [parse_set(text) for text in sets]
    name = asked_algorithm(algo, said, data)
    recipe = Layer.of(entry("algorithm", name).facts.get("run", {}), f"The run settings of {name}")
    file = Layer.of(data, str(config) if isinstance(config, Path) else "")
    asked = [file, *_asked(said, flags)]
    world = _model_path([recipe, *asked]) == SCENES
    chosen = preset or (SCENES if world else NO_PRESET)
    tuned = [Layer.of(part, f"The preset {chosen}") for part in load_preset(chosen, name)]
    start = RunConfig(name, from_spec("algorithm", name))
    return applied(start, [*([Layer.of(WORLD)] if world else []), recipe, *tuned, *asked])


def amend(
    config: RunConfig, algo: str | None = None, *, sets: Sequence[str] = (), flags: Mapping[str, Any] | None = None
) -> RunConfig:
    """A resolved configuration with some settings changed; ConfigError if another algorithm is asked for."""
    said = [parse_set(text) for text in sets]
    name = asked_algorithm(algo, said, {"algorithm": config.algorithm_name})
    if name != config.algorithm_name:
        raise ConfigError(
            f"The run trains with {config.algorithm_name}, not {name}; begin a new run with its weights by adding "
            "--resume-weights-only."
        )
    return applied(config, _asked(said, flags))


def _asked(said: Sequence[Change], flags: Mapping[str, Any] | None) -> list[Layer]:
    """The layers of --set and of flags. --reward comes first, so that --set can change the rewards it names."""
    rewards = {key: value for key, value in (flags or {}).items() if key == "rewards"}
    others = {key: value for key, value in (flags or {}).items() if key != "rewards"}
    sets = tuple(change for change in said if change[0] not in (*_ALGORITHM, *rewards))
    return [Layer.of(rewards), Layer(sets), Layer.of(others)]


def asked_algorithm(algo: str | None, said: Sequence[Change], data: Mapping[str, Any]) -> str:
    """The recipe to start from; ConfigError if the file changes fields of another one."""
    section = data.get("algorithm")
    in_file = section.get("name") if isinstance(section, Mapping) else section
    in_sets = [value for path, value in said if path in _ALGORITHM]
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
