"""`genrl report`: what a run did, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(run: Annotated[Path, typer.Argument(help="The folder of a run, finished or not.")]) -> None:
    """Write RUN/report.html: gains with intervals, curves, pictures over training, health, cost, and what was run.

    One file that is read offline and can be sent to anybody. A run writes it by itself when it ends.

    [dim]Example:[/] genrl report runs/neighbor-grpo-scenes-1
    """
    from genrl.report import write_report

    path = write_report(run)
    typer.echo(f"{path} ({path.stat().st_size / 1e6:.1f} MB); open it in a browser.")
