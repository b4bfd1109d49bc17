"""Names to components: the only mutable module-level state of the package.

A component is its own configuration: `genrl.spec` turns it into plain data and back.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, TypeVar

from genrl.errors import ConfigError, PluginError

T = TypeVar("T")

#: Modules whose import registers what the package ships.
BUILTINS = (
    "genrl.solvers",
    "genrl.perturbers",
    "genrl.selection",
    "genrl.surrogates",
    "genrl.advantages",
    "genrl.losses",
    "genrl.snapshots",
    "genrl.noising",
    "genrl.models",
    "genrl.rewards",
    "genrl.prompts",
    "genrl.faithfulness",
    "genrl.scenes",
    "genrl.algorithms",
)
PLUGIN_GROUP = "genrl.plugins"


@dataclass(frozen=True)
class Entry:
    """One registered name. `facts` are free notes, e.g. a recipe's `paper` and its `run` settings."""

    kind: str
    name: str
    target: Callable[..., Any]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"{self.target.__module__}.{self.target.__qualname__}"


_slots: dict[type, str] = {}
_tables: dict[str, dict[str, Entry]] = {}
_loaded: list[bool] = []


def slot(kind: str) -> Callable[[type[T]], type[T]]:
    """Declare that a field annotated with this protocol is filled by a registered component of `kind`."""

    def declare(protocol: type[T]) -> type[T]:
        _slots[protocol] = kind
        return protocol

    return declare


def kind_of(annotation: Any) -> str | None:
    """The kind that fills a field of this annotation, None for plain values."""
    return _slots.get(annotation) if isinstance(annotation, type) else None


def kinds() -> list[str]:
    return sorted(set(_slots.values()))


def register(kind: str, name: str, **facts: Any) -> Callable[[T], T]:
    """Register a frozen dataclass (or, for algorithms, a function that returns one) under a name."""

    def add(target: T) -> T:
        table = _tables.setdefault(kind, {})
        if name in table:
            raise PluginError(f"{kind} {name!r} is already registered by {table[name].origin}; choose another name.")
        if isinstance(target, type):
            params = getattr(target, "__dataclass_params__", None)
            if params is None or not params.frozen:
                raise PluginError(f"{target.__qualname__} must be a frozen dataclass: its fields are its configuration.")
            target.kind, target.name = kind, name  # type: ignore[attr-defined]
        table[name] = Entry(kind, name, target, facts)  # type: ignore[arg-type]
        return target

    return add


def load_plugins() -> None:
    """Import the built-in components and every distribution that declares the entry-point group, once per process."""
    if _loaded:
        return
    _loaded.append(True)
    try:
        for module in BUILTINS:
            importlib.import_module(module)
        for point in entry_points(group=PLUGIN_GROUP):
            _load(point)
    except BaseException:
        _loaded.clear()
        raise


def _load(point: Any) -> None:
    before = {kind: dict(table) for kind, table in _tables.items()}
    try:
        point.load()
    except Exception as error:
        # What it registered before it failed would hide the cause behind "already registered" at the next attempt.
        _tables.clear()
        _tables.update(before)
        owner = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
        raise PluginError(
            f"Plugin {point.name!r} of {owner} does not load ({type(error).__name__}: {error}); "
            f"mend it or run `pip uninstall {point.dist.name if point.dist else point.name}`."
        ) from error


def entries(kind: str) -> dict[str, Entry]:
    """Everything registered under `kind`, by name."""
    load_plugins()
    return dict(sorted(_tables.get(kind, {}).items()))


def entry(kind: str, name: str) -> Entry:
    """The entry of that name; ConfigError with the nearest names if there is none."""
    table = entries(kind)
    if name not in table:
        raise ConfigError(f"There is no {kind} named {name!r}{suggestion(name, table)}")
    return table[name]


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of an error sentence: the nearest known name, and the list."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{hint} Known: {', '.join(known) if known else 'none'}."


def component_name(component: Any) -> str:
    """The registered name of a component instance, or its class name."""
    return getattr(type(component), "name", type(component).__name__)


def is_component(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)
