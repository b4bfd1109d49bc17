"""From what the user typed to a reward: `name`, `module:function` or `path/to/file.py:function`, maybe `=weight`."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from genrl.errors import ConfigError, RewardError
from genrl.registry import entry, suggestion
from genrl.rewards.term import RewardTerm
from genrl.values import field_types, validated


def resolve_reward(
    text: str,
    *,
    weight: float | None = None,
    options: Mapping[str, Any] | None = None,
    label: str = "",
    on_failure: Literal["stop", "drop"] = "stop",
) -> RewardTerm:
    """The reward that `text` names, constructed with `options` (default: none), and its weight (default: 1).

    text: `name` of a registered reward, `module:function` (modules of the working directory too) or
    `path/to/file.py:function`, each optionally followed by `=weight` instead of the argument. What stands behind the
    colon may be a class: it is constructed with `options`. label: what it is called instead of its name.

    Raises ConfigError for an unknown name or option, RewardError for whatever cannot be imported or called.
    """
    target, written = _split_weight(text)
    if weight is not None and written is not None:
        raise ConfigError(f"The reward {text!r} has two weights, {written} and {weight}; give one.")
    share = next((w for w in (weight, written) if w is not None), 1.0)
    place, colon, attribute = target.rpartition(":")
    if not colon:
        return RewardTerm(label or target, _construct(entry("reward", target).target, options, target), share, on_failure)
    found = function_at(place, attribute)
    return RewardTerm(label or attribute, _construct(found, options, target), share, on_failure)


def function_at(place: str, attribute: str) -> Callable[..., Any]:
    """The callable of that name in a module or a file `path/to/file.py`; RewardError if there is none."""
    module = _load_file(place) if place.endswith(".py") else _load_module(place)
    found = getattr(module, attribute, None)
    if not callable(found):
        own = {name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}
        raise RewardError(f"{place} has no function {attribute!r}{suggestion(attribute, own)}")
    return found


def _split_weight(text: str) -> tuple[str, float | None]:
    target, equals, weight = text.strip().rpartition("=")
    if not equals:
        return text.strip(), None
    try:
        return target, float(weight)
    except ValueError:
        raise RewardError(f"The weight in {text!r} is {weight!r}; give a number, as in '{target}=0.3'.") from None


def _construct(found: Any, options: Mapping[str, Any] | None, name: str) -> Any:
    """A class is constructed with the options; a function is the reward itself."""
    options = dict(options or {})
    if not inspect.isclass(found):
        if options:
            raise ConfigError(f"Reward {name!r} is a plain function, so it takes no options; give it defaults instead.")
        return found
    if dataclasses.is_dataclass(found):
        options = _checked(found, options, name)
    try:
        return found(**options)
    except TypeError as error:
        raise ConfigError(f"Reward {name!r} cannot be constructed ({error}); give or mend its options.") from error


def _checked(cls: Any, options: Mapping[str, Any], name: str) -> dict[str, Any]:
    types = field_types(cls)
    for option in options:
        if option not in types:
            raise ConfigError(f"Reward {name!r} has no option {option!r}{suggestion(option, types)}")
    return {option: validated(types[option], value, f"rewards.{name}.{option}") for option, value in options.items()}


def _load_module(name: str) -> ModuleType:
    # An installed command does not look for modules where it is called; `python -m` does, and users expect it.
    if str(Path.cwd()) not in sys.path and "" not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _import_failed(name, error) from error
        raise RewardError(
            f"There is no module {error.name!r}; call from the folder that holds it, or give the path of the file "
            f"as in 'path/to/{name}.py:function'."
        ) from error
    except Exception as error:
        raise _import_failed(name, error) from error


def _load_file(place: str) -> ModuleType:
    path = Path(place).expanduser().resolve()
    if not path.is_file():
        raise RewardError(f"There is no file {place!r}; check the path (here: {Path.cwd()}).")
    name = f"genrl_reward_{path.stem}_{hashlib.blake2b(str(path).encode(), digest_size=4).hexdigest()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, "a .py file always has a spec"
    assert spec.loader is not None, "and its spec a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look modules up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _import_failed(place, error) from error
    return module


def _import_failed(place: str, error: Exception) -> RewardError:
    return RewardError(f"{place} cannot be imported ({type(error).__name__}: {error}); mend it or install what it needs.")
