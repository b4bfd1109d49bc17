"""`genrl show`: a recipe or a run as the YAML that `--config` reads back."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from genrl.registry import Entry


def show(
    source: Annotated[str, typer.Argument(metavar="ALGO_OR_RUN", help="A registered algorithm, or the folder of a run.")],
    preset: Annotated[str, typer.Option(help="Apply shipped run settings, such as scenes, to a recipe.")] = "none",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting. Repeatable.")
    ] = None,
) -> None:
    """Print all settings of a recipe and where they come from, or of a run and what came of it.

    The output is a configuration file: [bold]genrl show mix-grpo > run.yaml; genrl train --config run.yaml[/]

    [dim]Examples:[/]

      genrl show mix-grpo --preset scenes

      genrl show runs/neighbor-grpo-scenes-1
    """
    from genrl.config import resolve, to_yaml
    from genrl.errors import ConfigError
    from genrl.registry import entries, entry
    from genrl.report import is_run, read_run, summary
    from genrl.report.folder import CONFIG

    folder = Path(source)
    if source in entries("algorithm") or not (is_run(folder) or folder.is_dir() or "/" in source):
        config = resolve(source, preset=preset, sets=set_ or ())
        typer.echo(provenance(entry("algorithm", source)) + to_yaml(config), nl=False)
        return
    outcome = summary(read_run(folder))
    if preset != "none":
        raise ConfigError("The settings of a run are decided, so no preset can be applied; leave --preset out.")
    config = resolve(config=folder / CONFIG, preset="none", sets=set_ or ())
    typer.echo(came_of_it(outcome) + to_yaml(config), nl=False)


def came_of_it(outcome: dict[str, Any]) -> str:
    """The summary of a run as YAML comments."""
    from genrl.report.axis import duration

    spent = outcome["cost"]
    lines = [
        f"{outcome['run']}: {outcome['algorithm']} on {outcome['model']}",
        f"{outcome['state']}, {outcome['iterations']} of {outcome['asked']} iterations, last number {outcome['written']}",
        *(f"{measured['name']}: {gain(measured)}" for measured in (outcome["reward"], outcome["watched"]) if measured),
        f"{spent['evaluations']:,} network evaluations, {duration(spent['seconds'])} in iterations",
        "",
    ]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def gain(measured: dict[str, Any]) -> str:
    from genrl.report.axis import decimals

    before, after, change = (measured[key] for key in ("before", "after", "difference"))
    places = decimals(before["mean"], after["mean"])
    if change is None:
        return f"{before['mean']:.{places}f} in the only evaluation"
    interval = f"{change['mean']:+.{places}f} [{change['low']:+.{places}f}, {change['high']:+.{places}f}]"
    return f"{before['mean']:.{places}f} before, {after['mean']:.{places}f} after; paired difference {interval}"


def provenance(found: Entry) -> str:
    """The paper and the docstrings of a recipe as YAML comments."""
    lines = [found.name]
    paper = found.facts.get("paper")
    if paper is not None:
        lines += [f"{paper.title} ({paper.authors}; {paper.year}; arXiv:{paper.arxiv})"]
    if inspect.isfunction(found.target):
        # A recipe's file explains its constants and departures; its function says in a line what it is.
        lines += ["", *(inspect.getdoc(sys.modules[found.target.__module__]) or "").splitlines()]
    lines += ["", *(inspect.getdoc(found.target) or "").splitlines(), ""]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)
