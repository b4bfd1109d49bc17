"""`genrl compare`: models side by side, under one card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from genrl.judging.comparison import Place
    from genrl.judging.judgement import Judgement


def compare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="A B ...", help="Runs, checkpoints, folders of export or of eval, hub ids, scenes; base is the first run's."
        ),
    ],
    prompts: Annotated[
        str | None, typer.Option(help="As for train; its held-out split, else the whole.", show_default="each run's held-out")
    ] = None,
    reward: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=WEIGHT]", help="As for train. Repeatable.", show_default="each run's")
    ] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Pictures of each.", show_default="each run's")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Euler steps.", show_default="each run's")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the noise.", show_default="each run's")] = None,
    re_evaluate: Annotated[
        bool, typer.Option("--re-evaluate", help="Judge all anew, as the run of the first is evaluated.")
    ] = False,
    prompter: Annotated[
        str | None, typer.Option(help="A prompt writer: draw each model without it and with it.", show_default="each run's")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A new folder.", show_default="comparisons/NAME-N")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of all. Repeatable.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default="auto")] = None,
) -> None:
    """Draw the same prompts from the same noise: pictures side by side, scores, paired differences to the first, wins.

    Models that would be judged differently are refused, with what differs: guidance, steps or size alone move a score.

    [dim]Examples:[/]

      genrl compare base runs/neighbor-grpo-scenes-1

      genrl compare base runs/dance-grpo-scenes-1 runs/mix-grpo-scenes-1 runs/neighbor-grpo-scenes-1

      genrl compare evals/before-1 evals/after-1

      genrl compare base runs/a runs/b/checkpoints/checkpoint-000100 --reward pickscore --re-evaluate

      genrl compare base runs/neighbor-grpo-scenes-1 --prompter runs/prompter-scenes-1
    """
    from rich.console import Console

    from genrl.cli.evaluate import asked
    from genrl.judging.contest import Question, contenders, judge_all
    from genrl.judging.judge import new_folder

    question = Question(set_ or (), device, asked(reward, samples, steps, seed), prompts, re_evaluate, prompter)
    everyone = contenders(sources, question)
    others = everyone[1].name if len(everyone) == 2 else f"{len(everyone) - 1}-others"
    folder = new_folder(output, Path("comparisons"), f"{everyone[0].name}-and-{others}")
    console = Console()
    console.print(table(write_comparison(folder, judge_all(everyone, folder, console))))
    said = f"figure.png, comparison.html (open it in a browser) and comparison.json are in {folder}"
    console.print(said, soft_wrap=True, highlight=False)


def write_comparison(folder: Path, judged: dict[str, Judgement]) -> dict[str, list[Place]]:
    """The numbers, the figure and the page."""
    from genrl.judging import comparison
    from genrl.judging.figure import save_figure
    from genrl.judging.page import write_page

    folder.mkdir(parents=True, exist_ok=True)
    places = comparison.compare(judged)
    comparison.write_numbers(folder / "comparison.json", judged, places)
    save_figure(folder / "figure.png", judged)
    write_page(folder / "comparison.html", judged, places)
    return places


def table(places: dict[str, list[Place]]) -> Table:
    """Narrow, as terminals are: a line for each method under its measure. The page has the measures of pictures as such."""
    from rich.markup import escape
    from rich.table import Table

    from genrl.judging.comparison import PLAIN

    first = next(iter(places.values()))[0].method
    caption = f"95 % intervals over pictures. Difference and wins: against {escape(first)}, picture by picture."
    shown = Table(caption=caption, caption_justify="left")
    shown.add_column("", overflow="fold", max_width=26)
    for heading in ("mean", "difference", "wins"):
        shown.add_column(heading, no_wrap=True)
    for name, row in places.items():
        if name.startswith(PLAIN):
            continue
        shown.add_row(f"[bold]{escape(name)}[/]")
        for place in row:
            shown.add_row(*cells(place), end_section=place is row[-1])
    return shown


def cells(place: Place) -> tuple[str, str, str, str]:
    from rich.markup import escape

    score = f"{place.score.mean:.3f} [dim]{place.score.low:.3f} to {place.score.high:.3f}[/]"
    if place.difference is None:
        return escape(place.method), score, "", ""
    colour = {"higher": "green", "lower": "red", "": "default"}.get(place.verdict, "yellow")
    ends = f"[dim]{place.difference.low:+.3f} to {place.difference.high:+.3f}[/]"
    wins = f"{place.wins.mean:.0%}" if place.wins else ""
    return escape(place.method), score, f"[{colour}]{place.difference.mean:+.3f}[/] {ends}", wins
