"""`genrl train-prompter`: a language model learns to write prompts, scored by the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from genrl.errors import ConfigError


def train_prompter(
    writer: Annotated[str | None, typer.Option(help="A causal language model: a hub id, a folder, a finished run.")] = None,
    model: Annotated[str | None, typer.Option(help="The flow model that draws: as for sample.", show_default="scenes")] = None,
    reward: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=WEIGHT]", help="Of the pictures, as for train. Repeatable.")
    ] = None,
    text_reward: Annotated[
        list[str] | None,
        typer.Option(metavar="FUNCTION[=WEIGHT]", help="A TRL reward, module:function or file.py:function. Repeatable."),
    ] = None,
    requests: Annotated[
        str | None, typer.Option(help="What users ask for; a file, directory, hub id or registered name, as for train.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file of settings, such as a run's config.yaml.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="grpo.num_generations=8, writer.pictures=4. Repeatable."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="The run's folder.", show_default="runs/prompter-MODEL-N")] = None,
    resume: Annotated[Path | None, typer.Option(metavar="RUN", help="Continue the run in this folder.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.", show_default="0")] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Optimizer steps.", show_default="100")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default="auto")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, print the plan and exit.")] = False,
) -> None:
    """Train a language model to rewrite requests into prompts, with TRL's GRPO.

    The flow model stays as it is; its pictures are scored against the request, and so is whether the prompt keeps to it.

    [dim]Examples:[/]

      genrl train-prompter --writer owner/small-lm --model owner/flow --requests requests.txt --reward pickscore

      genrl train-prompter --writer owner/small-lm --model runs/neighbor-grpo-scenes-1 --requests requests.jsonl

      genrl train-prompter --writer ./lm --requests r.jsonl --text-reward my.py:short=0.2 --set grpo.num_generations=16

      genrl train-prompter --resume runs/prompter-scenes-1
    """
    flags = given(
        {
            "writer.path": writer,
            "rewards": reward or None,
            "text_rewards": text_reward or None,
            "prompts.source": requests,
            "run.output": None if output is None else str(output),
            "run.seed": seed,
            "grpo.max_steps": max_steps,
            "run.device": device,
        }
    )
    from genrl.cli.prompter_plan import print_plan, with_output
    from genrl.prompter.checks import check_prompter
    from genrl.prompter.config import resolve_prompter
    from genrl.prompter.resume import resumed_prompter

    if resume is not None:
        if config is not None or model is not None:
            raise ConfigError("--resume goes on with the run's own configuration; leave --config and --model out.")
        settled = resumed_prompter(resume, set_ or (), flags)
    else:
        settled = with_output(resolve_prompter(source=model, config=config, sets=set_ or (), flags=flags))
    check_prompter(settled, resuming=resume is not None)
    if dry_run:
        print_plan(settled)
        return
    from genrl.prompter.run import start

    raise typer.Exit(start(settled, resume=resume is not None))


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that were said."""
    return {key: value for key, value in flags.items() if value is not None}
