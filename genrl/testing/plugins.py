"""From the name of a plugin to what it registered."""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points

from genrl.errors import PluginError
from genrl.registry import PLUGIN_GROUP, Entry, entries, kinds, load_plugins, suggestion


def entries_of(name: str) -> list[Entry]:
    """What the plugin registered, by kind and name. `name`: an entry point, a distribution, or a module; else PluginError."""
    load_plugins()
    points = [point for point in entry_points(group=PLUGIN_GROUP) if name in _names(point)]
    # A plugin may register from any module of its package, so the package decides, not the module that is loaded.
    owners = {point.module.partition(".")[0] for point in points} if points else {_imported(name)}
    found = [entry for kind in kinds() for entry in entries(kind).values() if _owned(entry, owners)]
    if not found:
        raise PluginError(f"{name!r} registers nothing; decorate a component with @register(kind, name).")
    return found


def _imported(name: str) -> str:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise PluginError(f"{name} does not load ({error}); install what it needs.") from error
        known = {known for point in entry_points(group=PLUGIN_GROUP) for known in _names(point)}
        raise PluginError(f"There is no plugin, distribution or module {name!r}{suggestion(name, known)}") from error
    except Exception as error:
        raise PluginError(f"{name} does not load ({type(error).__name__}: {error}); mend it.") from error
    return name


def _names(point: EntryPoint) -> set[str]:
    return {point.name} | ({point.dist.name} if point.dist else set())


def _owned(entry: Entry, owners: set[str]) -> bool:
    module = entry.target.__module__
    return any(module == owner or module.startswith(f"{owner}.") for owner in owners)
