"""`genrl estimate`: memory, operations and time of a run, before a weight is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def estimate(
    algo: Annotated[str | None, typer.Option(help="As for train.", show_default="neighbor-grpo")] = None,
    model: Annotated[str | None, typer.Option(help="As for train; of a hub id only configs are downloaded.")] = None,
    gpu: Annotated[str, typer.Option(help="Such as h100, h200, a100, l40s or rtx4090.")] = "h100",
    utilisation: Annotated[
        float | None, typer.Option(min=0.01, max=1.0, help="Share of its peak that the GPU reaches.", show_default="0.45")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="As for train.")] = None,
    preset: Annotated[str | None, typer.Option(help="As for train.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As for train.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print plain data instead of tables.")] = False,
) -> None:
    """Say what a run needs: memory, network evaluations, TFLOP and time on a GPU, from the model's configs alone.

    The algorithm itself is run on a model that only counts, and the pipeline itself on weights without numbers, so any
    recipe and any model can be sized. Rewards are not counted.

    [dim]Examples:[/]

      genrl estimate

      genrl estimate --model black-forest-labs/FLUX.1-dev --gpu h200 --set model.dtype=bfloat16 --set model.call.height=720

      genrl estimate --algo mix-grpo --config run.yaml --gpu rtx4090 --json
    """
    import json

    from rich.console import Console

    from genrl.cli.estimate_tables import print_estimate
    from genrl.config import check_model, resolve
    from genrl.estimate import advise, find_gpu
    from genrl.estimate import estimate as estimated
    from genrl.estimate.devices import UTILISATION
    from genrl.models.loading import silence_bars

    flags = {} if model is None else {"model.path": model}
    settled = resolve(algo, preset=preset, config=config, sets=set_ or (), flags=flags)
    card = find_gpu(gpu)
    settled.algorithm.check(settled.sampling)
    check_model(settled.model)
    silence_bars()
    # On stderr, so that --json can be piped.
    with Console(stderr=True).status(f"Running {settled.model.path} without numbers"):
        found = estimated(settled, card, utilisation or UTILISATION)
        advice = advise(found)
    if json_:
        typer.echo(json.dumps(found.plain() | {"advice": list(advice.settings) if advice.outcome else None}, indent=2))
    else:
        print_estimate(found, advice)
