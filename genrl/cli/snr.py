"""`genrl snr`: how much signal a recipe's gradient has, before compute is spent on it."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from genrl.config import RunConfig
    from genrl.snr import SignalToNoise


def snr(
    algo: Annotated[list[str] | None, typer.Argument(help="Recipes to compare.", show_default="neighbor-grpo")] = None,
    batches: Annotated[int, typer.Option(min=2, help="Independent batches; more narrow the error.")] = 6,
    model: Annotated[str | None, typer.Option(help="As for train.")] = None,
    reward: Annotated[list[str] | None, typer.Option(metavar="NAME[=WEIGHT]", help="As for train.")] = None,
    prompts: Annotated[str | None, typer.Option(help="As for train.")] = None,
    config: Annotated[Path | None, typer.Option(help="As for train.")] = None,
    preset: Annotated[str | None, typer.Option(help="As for train.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="As for train.")] = None,
    seed: Annotated[int | None, typer.Option(help="As for train.")] = None,
    device: Annotated[str | None, typer.Option(help="As for train.")] = None,
) -> None:
    """Measure the mean cosine between gradients of independent batches, for each recipe; nothing is trained.

    Near 0 an update is mostly noise: take more prompts in an iteration, a reward with more spread, or another recipe.
    """
    from rich.console import Console
    from rich.table import Table

    from genrl.config import check, resolve

    flags = {
        "model.path": model,
        "rewards": reward or None,
        "prompts.source": prompts,
        "run.seed": seed,
        "run.device": device,
    }
    given = {key: value for key, value in flags.items() if value is not None}
    names: list[str] | list[None] = algo or [None]
    configs = [resolve(name, preset=preset, config=config, sets=set_ or (), flags=given) for name in names]
    for settled in configs:
        check(settled)
    table = Table("recipe", "cosine", "gradient norm", "pictures a batch", title="Signal of the gradient")
    console = Console()
    for settled in configs:
        with console.status(f"{settled.algorithm_name}: {batches} batches"):
            measured = signal(settled, batches)
        pictures = settled.train.prompts_per_iteration * settled.sampling.group_size
        cosine = f"{measured.mean:.3f} +- {measured.error:.3f}"
        table.add_row(settled.algorithm_name, cosine, f"{measured.norm:.3g}", str(pictures))
    console.print(table)


def signal(config: RunConfig, batches: int) -> SignalToNoise:
    """The gradients of a run that is built but never stepped."""
    from genrl.run import build
    from genrl.snr import measure, summarise

    with tempfile.TemporaryDirectory() as folder:
        settled = dataclasses.replace(config, run=dataclasses.replace(config.run, output=folder))
        return summarise(list(measure(build(settled, Path(folder), None), batches)))
