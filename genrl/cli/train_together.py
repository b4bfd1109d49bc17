"""`genrl train-together`: a prompt writer and a flow model learn by turns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genrl.errors import ConfigError

if TYPE_CHECKING:
    from genrl.prompter.together_config import TogetherConfig


def train_together(
    writer: Annotated[str | None, typer.Option(help="A causal language model: a hub id or a folder.")] = None,
    algo: Annotated[
        str | None, typer.Option(help="The flow model's recipe, as for train.", show_default="neighbor-grpo")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The flow model, as for train.", show_default="scenes")] = None,
    reward: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=WEIGHT]", help="Of the pictures, for both. Repeatable.")
    ] = None,
    requests: Annotated[str | None, typer.Option(help="What users ask for, as for train-prompter.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Turns of each.", show_default="2")] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file of settings of both.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="As for train and train-prompter, in each round. Repeatable."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A new folder.", show_default="runs/together-MODEL-N")] = None,
    resume: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Continue what is in this folder.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.", show_default="0")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default="auto")] = None,
) -> None:
    """Train a prompt writer on the flow model's pictures, then the flow model behind it, and so on.

    Each turn is a run of its own. At the end both writers are judged with both models, before and after.

    [dim]Examples:[/]

      genrl train-together --writer owner/small-lm --requests requests.jsonl --rounds 3

      genrl train-together --config both.yaml --set grpo.max_steps=50 --set train.max_steps=20

      genrl train-together --resume runs/together-scenes-1
    """
    from rich.console import Console

    from genrl.cli.compare import table, write_comparison
    from genrl.cli.train_prompter import given
    from genrl.prompter.together import start
    from genrl.prompter.together_config import check_together, resolve_together, resumed_together

    named: dict[str, Any] = {"writer.path": writer, "model.path": model, "rewards": reward or None, "prompts.source": requests}
    named |= {"rounds": rounds, "run.seed": seed, "run.device": device, "run.output": None if output is None else str(output)}
    if resume is not None:
        if config is not None or algo is not None:
            raise ConfigError("--resume goes on with its own configuration; leave --config and --algo out.")
        both = resumed_together(resume, set_ or (), given(named))
    else:
        both = with_output(resolve_together(algo=algo, config=config, sets=set_ or (), flags=given(named)))
    check_together(both, resuming=resume is not None)
    judged = start(both)
    if judged is not None:
        folder, console = both.folder / "combinations", Console()
        console.print(table(write_comparison(folder, judged)))
        said = f"figure.png, comparison.html (open it in a browser) and comparison.json are in {folder}"
        console.print(said, soft_wrap=True, highlight=False)


def with_output(both: TogetherConfig) -> TogetherConfig:
    """With a folder: the first free runs/together-MODEL-N, unless one was named."""
    from genrl.cli.plan import RUNS
    from genrl.prompter.together_config import with_folder

    if both.prompter.flow.run.output:
        return both
    model, number = Path(both.prompter.source).name or "model", 1
    while (folder := RUNS / f"together-{model}-{number}").exists():
        number += 1
    return with_folder(both, folder)
