"""`genrl check`: the conformance suite over a plugin's components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from genrl.testing import Result


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
    for result in results:
        table.add_row(escape(result.component), escape(result.check), verdict(result))
    console = Console()
    console.print(table)
    failed = sum(result.error is not None for result in results)
    skipped = sum(result.skipped is not None for result in results)
    console.print(f"{len(results) - failed - skipped} of {len(results)} checks passed, {failed} failed, {skipped} skipped.")
    if failed:
        raise typer.Exit(1)


def verdict(result: Result) -> str:
    """The outcome of a check, for rich."""
    from rich.markup import escape

    if result.error is not None:
        return f"[red]{escape(result.error)}[/]"
    return f"[yellow]skipped: {escape(result.skipped)}[/]" if result.skipped is not None else "[green]passed[/]"
