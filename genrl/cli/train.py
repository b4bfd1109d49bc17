"""`genrl train`: few flags; everything else is a setting, by `--set` or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from genrl import launched
from genrl.errors import ConfigError


def train(
    algo: Annotated[
        str | None, typer.Option(help="The recipe; see `genrl list algorithm`.", show_default="neighbor-grpo")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A diffusers folder, a hub id or the embedded model.", show_default="scenes")
    ] = None,
    reward: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=WEIGHT]", help="A registered reward, module:function or file.py:function. Repeatable."),
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(help="A file (txt, jsonl, csv, parquet), a directory, a hub id or a registered name.")
    ] = None,
    prompter: Annotated[
        str | None, typer.Option(help="A prompt writer that rewrites every prompt; rewards judge by what it was asked.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file of settings, such as `genrl show` prints.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Shipped run settings, or none.", show_default="scenes for the model scenes")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting: perturber.sigma=0.2, solver=heun. Repeatable."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="The run's folder.", show_default="runs/ALGO-MODEL-N")] = None,
    resume: Annotated[Path | None, typer.Option(metavar="RUN", help="Continue the run in this folder.")] = None,
    resume_weights_only: Annotated[
        bool,
        typer.Option("--resume-weights-only", help="With --resume: a new run with RUN's weights; settings may change."),
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.", show_default="0")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Iterations.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default="auto")] = None,
    push_to_hub: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="Upload the finished model, with its card, to this repository.")
    ] = None,
    accelerate_config: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Start one process a GPU: ddp, fsdp2, single, or a file of accelerate's launcher."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, print the plan and exit.")] = False,
) -> None:
    """Train a flow model on a reward.

    With no options it trains the embedded model [bold]scenes[/] with neighbor-grpo: a few minutes on two CPU cores.

    [dim]Examples:[/]

      genrl train

      genrl train --algo mix-grpo --set steps.size=2 --seed 1

      genrl train --model ./my-pipeline --reward my_module:my_reward --prompts prompts.txt

      genrl train --config run.yaml --set train.learning_rate=2e-5 --dry-run

      genrl train --resume runs/neighbor-grpo-scenes-1

      genrl train --resume runs/neighbor-grpo-scenes-1 --resume-weights-only --set train.learning_rate=1e-5

      genrl train --accelerate-config ddp --config run.yaml

      genrl train --config examples/configs/flux-dev-neighbor-grpo.yaml --prompts prompts.txt --push-to-hub me/flux-sharper
    """
    from genrl.cli.launching import read_launch
    from genrl.cli.plan import print_plan, with_output
    from genrl.config import check, resolve, restarted, resumed
    from genrl.geometry import prompts_of_each

    flags: dict[str, Any] = {
        "model.path": model,
        "rewards": reward or None,
        "prompts.source": prompts,
        "prompts.prompter": prompter,
        "run.output": None if output is None else str(output),
        "run.seed": seed,
        "train.max_steps": max_steps,
        "run.device": device,
        "run.hub_model_id": push_to_hub,
    }
    flags = {key: value for key, value in flags.items() if value is not None}
    if resume is not None:
        if config is not None or preset is not None:
            raise ConfigError("--resume goes on with the run's own configuration; leave --config and --preset out.")
        settled = (restarted if resume_weights_only else resumed)(resume, algo=algo, sets=set_ or (), flags=flags)
    elif resume_weights_only:
        raise ConfigError("--resume-weights-only needs --resume RUN, the run or the checkpoint whose weights to begin with.")
    else:
        settled = resolve(algo, preset=preset, config=config, sets=set_ or (), flags=flags)
    if launched.rank() == 0:  # the others learn it when they meet
        settled = with_output(settled)
    going_on = resume is not None and not resume_weights_only
    check(settled, resuming=going_on)
    launch = None if accelerate_config is None else read_launch(accelerate_config)
    processes = launch.processes if launch else launched.count()
    prompts_of_each(settled.train.prompts_per_iteration, processes)
    if dry_run:
        if launched.rank() == 0:
            print_plan(settled, processes=processes)
        return
    if launch and launched.alone() and processes > 1:
        launch.start()
    if launch:
        launch.adopt()
    from genrl.run import start

    raise typer.Exit(start(settled, resume=going_on))
