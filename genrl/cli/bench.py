"""`genrl bench`: what an iteration costs beyond its network, measured on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bench(
    model: Annotated[
        str, typer.Option(help="scenes, sd3-30m, sd35-medium, flux-720, or a model as for train.", metavar="NAME|FOLDER")
    ] = "scenes",
    algo: Annotated[str | None, typer.Option(help="As for train.", show_default="neighbor-grpo")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default="auto")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As for train.")] = None,
    json_: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write plain data to this file.")] = None,
) -> None:
    """Measure the loop: alone, with its networks stubbed; what it asks of them; and what it costs beyond them.

    Each iteration is timed beside the very same network calls, made bare in the same process: CPU time on one thread, or
    wall time on a GPU, where waits for the device and the share of its speed are measured as well. Nothing is reported if
    the machine is too noisy: exit 2.

    sd3-30m, sd35-medium and flux-720 have random weights and are not downloaded; the last two want a GPU.

    [dim]Examples:[/]

      genrl bench

      genrl bench --model sd3-30m --algo flow-grpo --device cpu --json bench.json

      genrl bench --model flux-720 --device cuda

      genrl bench --model ./my-pipeline --set prompts.source=prompts.txt --set rewards.random=1 --set train.rows=4
    """
    import json

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from genrl.bench import benchmark
    from genrl.cli.bench_tables import print_benchmark
    from genrl.models.loading import silence_bars

    silence_bars()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # On stderr and gone at the end, so that the tables can be piped.
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=1)
        found = benchmark(
            model,
            algo,
            set_ or (),
            device,
            lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
        )
    print_benchmark(found)
    if json_ is not None:
        json_.write_text(json.dumps(found.plain(), indent=2) + "\n")
