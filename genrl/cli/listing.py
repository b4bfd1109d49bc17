"""`genrl list`: what is registered, by whom, with which settings."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from genrl.registry import Entry


def list_components(
    kind: Annotated[str | None, typer.Argument(help="Such as algorithm, solver or reward; all kinds if left out.")] = None,
) -> None:
    """List what can be named in a configuration, plugins included."""
    from rich.console import Console

    from genrl.errors import ConfigError
    from genrl.registry import entries, kinds, load_plugins, suggestion

    load_plugins()
    if kind is not None and kind not in kinds():
        raise ConfigError(f"There is no kind of component named {kind!r}{suggestion(kind, kinds())}")
    console = Console()
    for name in [kind] if kind else kinds():
        found = entries(name)
        if found:
            console.print(kind_table(name, list(found.values())))
        elif kind:
            console.print(f"Nothing is registered as {kind}.")


def kind_table(kind: str, found: list[Entry]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("name", "what it is", "settings", "from", title=kind, title_justify="left", show_lines=True)
    table.columns[0].no_wrap = True
    for entry in found:
        table.add_row(entry.name, escape(summary(entry.target)), escape(settings(entry)), distribution(entry))
    return table


def summary(target: Any) -> str:
    """The first sentence of the docstring."""
    paragraph = " ".join((inspect.getdoc(target) or "").split("\n\n")[0].split())
    return re.split(r"(?<=\.)(?<!\bal\.)(?<!\beq\.) ", paragraph)[0]


def settings(entry: Entry) -> str:
    """Fields with their defaults; of a recipe, the names of its components."""
    target = entry.target
    from genrl.cli.plan import brief
    from genrl.registry import component_name, is_component

    if not isinstance(target, type):
        if entry.kind != "algorithm":
            return "a function"
        recipe = target()
        parts = [getattr(recipe, field.name) for field in dataclasses.fields(recipe)]
        return ", ".join(component_name(part) for part in parts if is_component(part))
    shown = []
    for field in dataclasses.fields(target):
        if field.default is not dataclasses.MISSING:
            shown.append(f"{field.name}={brief(field.default)}")
        elif field.default_factory is not dataclasses.MISSING:
            shown.append(f"{field.name}={brief(field.default_factory())}")
        else:
            shown.append(field.name)
    return ", ".join(shown)


def distribution(entry: Entry) -> str:
    """The installed distribution that registered it, else its module."""
    from importlib.metadata import packages_distributions

    package = entry.target.__module__.partition(".")[0]
    if package == "genrl":
        return "genrl"
    owners = packages_distributions().get(package)
    return owners[0] if owners else entry.target.__module__
