"""`genrl eval`: scores of a model with intervals, under a card that is kept with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from genrl.judging.judgement import Judgement

#: Pictures of the sheet.
SHOWN = 32


def evaluate(
    source: Annotated[
        str,
        typer.Argument(metavar="MODEL_OR_RUN", help="A run, checkpoint, exported or diffusers folder, hub id or scenes."),
    ],
    prompts: Annotated[
        str | None, typer.Option(help="As for train; its held-out split, else the whole.", show_default="the run's held-out")
    ] = None,
    reward: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=WEIGHT]", help="As for train. Repeatable.", show_default="the run's"),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="Pictures, spread over the prompts.", show_default="the run's, else 64")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Euler steps.", show_default="the run's, else 28")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the noise.", show_default="the run's, else 1234")] = None,
    output: Annotated[Path | None, typer.Option(help="A new folder.", show_default="evals/NAME-N")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Such as model.call.guidance_scale=4. Repeatable.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default="auto")] = None,
) -> None:
    """Draw and score held-out pictures: means with 95 % intervals overall and for each prompt, pictures, and the eval card.

    What is not said is as in the run's own evaluation, so the scores are those that the run wrote, to the last digit.

    [dim]Examples:[/]

      genrl eval runs/neighbor-grpo-scenes-1

      genrl eval scenes --samples 200 --reward scenes --reward sharpness=0

      genrl eval owner/name --prompts prompts.txt --reward pickscore --set model.call.guidance_scale=4.5
    """
    from rich.console import Console

    from genrl.config.checks import check_rewards
    from genrl.judging.judge import judge, new_folder
    from genrl.judging.protocol import Protocol
    from genrl.judging.source import called, find

    found = find(source, set_ or (), device, asked(reward, samples, steps, seed))
    check_rewards(found.config.rewards)
    folder = new_folder(output, Path("evals"), called(source))
    console = Console()
    judged = judge(found, Protocol.of(found.config, prompts), folder, source, console)
    sheet(judged)
    console.print(table(judged))
    console.print(f"Pictures, sheet.png, scores.json and card.json are in {folder}", soft_wrap=True, highlight=False)


def asked(reward: list[str] | None, samples: int | None, steps: int | None, seed: int | None) -> dict[str, object]:
    """The settings behind the flags that were given."""
    flags = {"rewards": reward or None, "evaluation.samples": samples, "evaluation.steps": steps, "evaluation.seed": seed}
    return {key: value for key, value in flags.items() if value is not None}


def sheet(judged: Judgement) -> None:
    """The first pictures as one."""
    import numpy as np
    from PIL import Image

    from genrl.tracking.grid import contact_sheet, tile

    tiles = [tile(np.asarray(Image.open(path).convert("RGB"))) for path in judged.pictures[:SHOWN]]
    rows = [tiles[start : start + 8] for start in range(0, len(tiles), 8)]
    captions = [list(judged.prompts[start : start + len(row)]) for start, row in zip(range(0, SHOWN, 8), rows, strict=False)]
    contact_sheet(rows, captions).save(judged.folder / "sheet.png")


def table(judged: Judgement) -> Table:
    from rich.markup import escape
    from rich.table import Table

    card = judged.card
    caption = (
        f"{len(judged.prompts)} pictures of {card.prompts['count']} prompts, {card.solver} with {card.steps} steps, "
        f"{' x '.join(map(str, card.resolution or ()))}. Intervals are 95 %, by bootstrap over pictures."
    )
    shown = Table(title=f"Scores of {escape(card.weights['source'])}", title_justify="left", caption=caption)
    shown.caption_justify = "left"
    shown.add_column("measure")
    for heading in ("mean", "95 % interval", "pictures"):
        shown.add_column(heading, justify="right")
    for name, values in judged.values.items():
        interval = judged.interval(name)
        scored = int((values == values).sum())
        shown.add_row(escape(name), f"[bold]{interval.mean:.4f}[/]", f"{interval.low:.4f} to {interval.high:.4f}", str(scored))
    return shown
