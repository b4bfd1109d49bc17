"""`genrl export`: the weights of a run for diffusers, and to the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="N|best",
            help="A checkpoint: its iteration, or best by evaluation.best_by.",
            show_default="the finished model, else the newest",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="A new folder.", show_default="RUN/model if finished, else RUN/exports/step-N")
    ] = None,
    push_to_hub: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="Upload the folder to this repository as well.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Such as run.hub_private_repo=true.")
    ] = None,
) -> None:
    """Write what diffusers loads: of a LoRA the file for load_lora_weights, of full weights a pipeline folder.

    With it go a model card and genrl.json, which [bold]genrl sample FOLDER[/] reads.
    Where a run keeps an average of its weights, that is what is exported.

    [dim]Examples:[/]

      genrl export runs/neighbor-grpo-scenes-1 --output for-diffusers

      genrl export runs/neighbor-grpo-scenes-1 --checkpoint 20

      genrl export runs/neighbor-grpo-scenes-1 --checkpoint best

      genrl export runs/neighbor-grpo-scenes-1 --push-to-hub me/sharper-scenes
    """
    from rich.console import Console

    from genrl.cli.exporting import exported
    from genrl.config import resolve
    from genrl.config.resume import FILE
    from genrl.errors import CheckpointError
    from genrl.hub import check_repository, upload

    if not (run / FILE).is_file():
        raise CheckpointError(f"There is no run in {str(run)!r}: {run / FILE} is missing. Give the folder of a run.")
    flags = {} if push_to_hub is None else {"run.hub_model_id": push_to_hub}
    config = resolve(config=run / FILE, preset="none", sets=set_ or (), flags=flags)
    if push_to_hub is not None:
        check_repository(push_to_hub)
    console = Console()
    with console.status(f"Exporting {run}"):
        folder = exported(run, config, checkpoint, output)
    console.print(f"Weights, model card and genrl.json are in {folder}", soft_wrap=True, highlight=False)
    if push_to_hub is not None:
        again = f"genrl export {run} --push-to-hub {push_to_hub}"
        console.print(f"Uploaded to {upload(folder, push_to_hub, config.run.hub_private_repo, again)}", highlight=False)
