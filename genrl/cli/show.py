"""`genrl show`: a recipe as the YAML that `--config` reads back."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from genrl.registry import Entry


def show(
    algo: Annotated[str, typer.Argument(help="A registered algorithm.")],
    preset: Annotated[str, typer.Option(help="Apply shipped run settings, such as scenes.")] = "none",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting. Repeatable.")
    ] = None,
) -> None:
    """Print a recipe with all its settings and where they come from.

    The output is a configuration file: [bold]genrl show mix-grpo > run.yaml; genrl train --config run.yaml[/]
    """
    from genrl.config import resolve, to_yaml
    from genrl.registry import entry

    config = resolve(algo, preset=preset, sets=set_ or ())
    typer.echo(provenance(entry("algorithm", algo)) + to_yaml(config), nl=False)


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
