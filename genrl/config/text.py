"""YAML as people mean it: `1e-5` is a number, `no` is text, and a key that is given twice is an error."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from genrl.errors import ConfigError

#: YAML 1.2's core schema. PyYAML's own, YAML 1.1, reads `no` as false, `1e-5` as text, `010` as 8 and `1:30` as 90.
_PLAIN = {
    "bool": (r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    "null": (r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "int": (r"[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?$|[-+]?[0-9]+[eE][-+]?[0-9]+$|[-+]?\.(?:inf|Inf)$|\.(?:nan|NaN)$",
        "-+.0123456789",
    ),
}


class Loader(yaml.SafeLoader):
    """A SafeLoader that knows no plain values but those of `_PLAIN`."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping whose keys are all different."""
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise ConfigError(f"The key {key.value!r} is given twice (line {key.start_mark.line + 1}); keep one.")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class Dumper(yaml.SafeDumper):
    """Quotes what either version of YAML would take for something else than text."""


Loader.yaml_implicit_resolvers = {}
for _tag, (_pattern, _first) in _PLAIN.items():
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))
    Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def parse(text: str, origin: str) -> Any:
    """Plain data of a YAML text; ConfigError, which names `origin`, if it is none."""
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{origin} is not valid YAML{place}: {getattr(error, 'problem', error)}.") from None
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"There is no configuration file {str(path)!r}; check the path (here: {Path.cwd()}).") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {str(path)!r} cannot be read ({error}).") from error
    data = parse(text, str(path))
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold a mapping such as `train: {{max_steps: 100}}`, not {type(data).__name__}.")
    return data


def dump(data: Any) -> str:
    """YAML of plain data, in the order given; innermost mappings and lists on one line."""
    return yaml.dump(data, Dumper=Dumper, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True)
