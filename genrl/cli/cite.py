"""`genrl cite`: the paper behind a recipe."""

from __future__ import annotations

from typing import Annotated

import typer


def cite(algo: Annotated[str, typer.Argument(help="A registered algorithm.")]) -> None:
    """Print the BibTeX entry of an algorithm's paper."""
    from genrl.errors import ConfigError
    from genrl.registry import entry

    found = entry("algorithm", algo)
    if "paper" not in found.facts:
        raise ConfigError(f"{algo} ({found.origin}) names no paper; ask its author how to cite it.")
    typer.echo(found.facts["paper"].bibtex())
