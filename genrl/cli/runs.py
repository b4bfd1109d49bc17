"""`genrl runs`: which runs there are, what they gained and what they cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table


def runs(
    folder: Annotated[Path, typer.Argument(help="Where to look, at any depth.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """List runs, the newest first: held-out reward before and after, a number watched beside it, cost, state.

    A run that has written a number lately is "running?": from outside, a killed one looks the same for a while.

    [dim]Examples:[/]

      genrl runs

      genrl runs experiments --json | jq '.[0].reward.difference'
    """
    from rich.console import Console
    from rich.markup import escape

    from genrl.errors import RunFolderError
    from genrl.report import find_runs, read_run, summary

    found, damaged = [], []
    for path in find_runs(folder):
        try:
            found.append(read_run(path))
        except RunFolderError as error:
            damaged.append(str(error))
    if not found and not damaged:
        raise RunFolderError(f"There is no run in {str(folder)!r} (here: {Path.cwd()}); start one with `genrl train`.")
    summaries = [summary(run) for run in sorted(found, key=lambda run: run.written, reverse=True)]
    if as_json:
        typer.echo(json.dumps(summaries, indent=1))
    elif summaries:
        Console().print(table(summaries, folder))
    for complaint in damaged:
        Console(stderr=True).print(f"[yellow]{escape(complaint)}[/]", soft_wrap=True)


def table(summaries: list[dict[str, Any]], folder: Path) -> Table:
    """Narrow, as terminals are: two or three lines a run."""
    from rich.markup import escape
    from rich.table import Table

    from genrl.report.axis import duration

    caption = "Under each pair its paired difference and half the 95 % interval. Cost: network evaluations, time in iterations."
    shown = Table(title=f"Runs in {escape(str(folder))}", caption=caption, title_justify="left", caption_justify="left")
    shown.show_lines = True
    shown.add_column("run", overflow="fold")
    for heading in ("iterations", "held-out\nreward", "beside it", "cost"):
        shown.add_column(heading, no_wrap=True)
    for one in summaries:
        path, spent = Path(one["run"]), one["cost"]
        name = path.relative_to(folder) if path != folder else path
        shown.add_row(
            f"[bold]{escape(str(name))}[/]\n[dim]{escape(one['algorithm'])}\n{escape(one['model'])}[/]",
            f"{one['iterations']} of {one['asked']}\n{state(one)}",
            gain(one["reward"]),
            gain(one["watched"], named=True),
            f"{spent['evaluations']:,}\n{duration(spent['seconds'])}",
        )
    return shown


def state(one: dict[str, Any]) -> str:
    """With a colour, and with the number of alarms if the run kept watch and raised any."""
    colour = {"finished": "green", "stopped": "yellow"}.get(one["state"], "cyan")
    alarms = f"\n[red]{one['alarms']} alarm{'s' if one['alarms'] > 1 else ''}[/]" if one["alarms"] else ""
    return f"[{colour}]{one['state']}[/]{alarms}"


def gain(measured: dict[str, Any] | None, named: bool = False) -> str:
    """Before and after, and under them the paired difference, in colour where its interval leaves out 0."""
    from rich.markup import escape

    from genrl.report.axis import decimals

    if measured is None:
        return "[dim]not measured[/]"
    before, after, change = (measured[key] for key in ("before", "after", "difference"))
    name, places = f"{escape(measured['name'])}\n" if named else "", decimals(before["mean"], after["mean"])
    if change is None:
        return f"{name}{before['mean']:.{places}f}\n[dim]one evaluation[/]"
    colour = "green" if change["low"] > 0 else "red" if change["high"] < 0 else "yellow"
    moved = f"[{colour}]{change['mean']:+.{places}f}[/] [dim]± {(change['high'] - change['low']) / 2:.{places}f}[/]"
    return f"{name}{before['mean']:.{places}f} → [bold]{after['mean']:.{places}f}[/]\n{moved}"
