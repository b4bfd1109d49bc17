"""`genrl check`: the conformance suite over a plugin's components."""

from __future__ import annotations

from typing import Annotated

import typer


def check(
    plugin: Annotated[str, typer.Argument(help="A distribution or a module that registers components.")],
) -> None:
    """Run the checks that every component of its kind has to pass; exit 1 if one fails."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from genrl.testing import check_plugin

    results = check_plugin(plugin)
    table = Table("component", "check", "result", title=f"Checks of {plugin}", title_justify="left")
    for component, name, error in results:
        table.add_row(escape(component), escape(name), "[green]passed[/]" if error is None else f"[red]{escape(str(error))}[/]")
    console, failed = Console(), sum(error is not None for _, _, error in results)
    console.print(table, f"{len(results) - failed} of {len(results)} checks passed.", sep="\n")
    if failed:
        raise typer.Exit(1)
