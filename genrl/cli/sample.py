"""`genrl sample`: pictures from a run or a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrl.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from genrl.judging.source import Found
    from genrl.types import Prompt, Sampling


def sample(
    source: Annotated[
        str, typer.Argument(metavar="RUN_OR_MODEL", help="A run, an exported or diffusers folder, a hub id or scenes.")
    ],
    prompt: Annotated[list[str], typer.Option(help="What to draw. Repeatable.")],
    prompter: Annotated[str | None, typer.Option(help="A prompt writer, or none.", show_default="the run's")] = None,
    output: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("samples"),
    count: Annotated[int, typer.Option(min=1, help="Pictures for each prompt.")] = 4,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Euler steps.", show_default="as in the run's evaluation, else 28")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same noise, whatever the weights.")] = 0,
    compare_base: Annotated[
        bool, typer.Option("--compare-base", help="Draw with the untrained weights as well, from the same noise.")
    ] = False,
    tuned_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of the steps made by the tuned weights; the base makes the rest."),
    ] = 1.0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the model, such as model.call.guidance_scale=4."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default="auto")] = None,
) -> None:
    """Draw pictures with a finished run or any flow model, and a contact sheet of them.

    A run, and a folder with a genrl.json, is drawn from as the run was evaluated: same call, steps, grid and precision.

    [dim]Examples:[/]

      genrl sample runs/neighbor-grpo-scenes-1 --prompt "a red circle" --compare-base

      genrl sample runs/neighbor-grpo-scenes-1 --prompt "a red circle" --tuned-share 0.8

      genrl sample runs/flux-dev/checkpoints/checkpoint-000100/model --prompt "a red circle"

      genrl sample scenes --prompter runs/prompter-scenes-1 --prompt "put a blue square under something round and yellow"
    """
    from dataclasses import replace

    from genrl.judging.pictures import write_pictures, write_sheet
    from genrl.judging.source import find

    found = find(source, set_ or [], device)
    if found.tuned is None:
        refuse_for_a_model(source, compare_base, tuned_share)
    sampling = replace(found.sampling, steps=steps) if steps else found.sampling
    hybrid = round(tuned_share * sampling.steps) if tuned_share < 1.0 else None
    rows = [one for one in written(found, prompt, prompter) for _ in range(count)]
    names = ("base", "tuned") if compare_base else ("tuned" if found.tuned else "model",)
    columns = {name: drawn(found, name, [row.text for row in rows], seed, sampling, hybrid) for name in names}
    for name, pictures in columns.items():
        write_pictures(output, pictures, [row.asked for row in rows], prefix=f"{name}-" if compare_base else "")
    write_sheet(output / "sheet.png", columns, [row.caption for row in rows], count)
    typer.echo(f"{len(rows) * len(columns)} pictures and sheet.png are in {output}.")
    if hybrid is not None:
        typer.echo(f"The first {hybrid} of {sampling.steps} steps are tuned, the others are the base's.")


def refuse_for_a_model(source: str, compare_base: bool, tuned_share: float) -> None:
    """What only a run has."""
    if compare_base:
        raise ConfigError(f"{source!r} is no run, so there is nothing to compare its pictures with; leave --compare-base out.")
    if tuned_share < 1.0:
        raise ConfigError(f"{source!r} is no run, so no share of its steps is tuned; leave --tuned-share out.")


def written(found: Found, texts: list[str], prompter: str | None) -> list[Prompt]:
    """What to draw for each text: the text itself, or what a writer makes of it, which is said."""
    from genrl.prompter.rewriting import rewriter
    from genrl.types import Prompt

    plain = [Prompt(text) for text in texts]
    chosen = found.config.prompts.prompter if prompter is None else prompter
    if chosen in ("", "none"):
        return plain
    rewritten = rewriter(chosen, found.config.run.device)(plain)
    for one in rewritten:
        typer.echo(one.caption)
    return rewritten


def drawn(found: Found, name: str, texts: list[str], seed: int, sampling: Sampling, hybrid: int | None) -> Tensor:
    """Pictures of the tuned weights, the first `hybrid` steps or all, or of others."""
    from genrl.judging.drawing import draw, hybrid_policy
    from genrl.judging.source import load
    from genrl.policy import WeightedPolicy

    mixed = hybrid is not None and name == "tuned"
    policy = hybrid_policy(found) if mixed else WeightedPolicy(load(found, tuned=name == "tuned"))
    return draw(policy, texts, seed, sampling, found.mixed_precision, hybrid if mixed else None)
