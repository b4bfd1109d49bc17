"""`genrl doctor`: whether a model can be trained, shown on the model itself, and whether a reward works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from genrl.config import RunConfig
    from genrl.models import DiffusersModel


def doctor(
    model: Annotated[
        str | None, typer.Argument(help="A diffusers folder, a hub id or scenes.", show_default="none, with --reward")
    ] = None,
    reward: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A reward to examine: a name, module:function or file.py:function. Repeatable."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting as for train, such as model.call.height=512. Repeatable."),
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="Steps of the pipeline's own run.")] = 4,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.", show_default="auto")] = None,
    config_only: Annotated[
        bool, typer.Option("--config-only", help="Read or download no weights: sizes and structure, no numbers compared.")
    ] = False,
) -> None:
    """Say whether a model can be trained, or whether a reward works, and show it: exit 1 if a check fails.

    Its own pipeline draws one picture, which genrl has to reproduce through its own path; a step of a rollout is replayed;
    every layer with LoRA has to get a gradient. One or two rows go through the network at once: choose a small resolution
    for a large model.

    A reward is asked about pictures whose order it should know, alone and in batches, and timed.

    [dim]Examples:[/]

      genrl doctor scenes

      genrl doctor ./my-pipeline --set model.call.height=512 --set model.call.width=512 --set model.dtype=bfloat16

      genrl doctor black-forest-labs/FLUX.1-dev --config-only

      genrl doctor --reward pickscore --set rewards.pickscore.options.checkpoint=./pickscore --reward my_rewards.py:mine
    """
    from genrl.cli.doctor_reward import rewards_work
    from genrl.config import check_device, check_model, resolve
    from genrl.config.world import SCENES
    from genrl.errors import ConfigError
    from genrl.models.loading import silence_bars
    from genrl.models.switches import check_switches

    if model is None and not reward:
        raise ConfigError("There is nothing to examine; give a model, or --reward NAME.")
    asked = {"model.path": model, "rewards": reward or None, "run.device": device}
    config = resolve(sets=set_ or (), flags={key: value for key, value in asked.items() if value is not None})
    works = rewards_work(config.rewards) if reward else True
    if model is None:
        raise typer.Exit(0 if works else 1)
    check_model(config.model)
    check_switches(config.model)
    check_device(config.run, config.train)
    if config_only or model == SCENES:
        silence_bars()
    if not trainable(config, steps, config_only) or not works:
        raise typer.Exit(1)


def trainable(config: RunConfig, steps: int, config_only: bool) -> bool:
    """Examine the model of the configuration and print what is found; false if a check failed."""
    from rich.console import Console

    from genrl.cli.doctor_tables import components_table, facts_table, findings_table, verdict
    from genrl.doctor import DRIVEN, Finding, describe, examine, examine_hollow
    from genrl.errors import ModelError

    console, name = Console(), config.model.path
    with console.status(f"Loading {name}") as status:
        try:
            model = loaded(config, config_only)
        except ModelError as reason:
            findings = [Finding(DRIVEN, False, str(reason))]
        else:
            # The pipeline's own run has its own bar, which a status line does not bear.
            model.pipe.set_progress_bar_config(disable=True)
            status.update(f"Examining {name}")
            findings = list((examine_hollow if config_only else examine)(model, config.model, steps))
            console.print(components_table(name, model))
            if findings[0].passed:
                console.print(facts_table(describe(model, steps, timed=not config_only)))
    console.print(findings_table(findings))
    console.print(verdict(findings))
    return all(finding.passed is not False for finding in findings)


def loaded(config: RunConfig, config_only: bool) -> DiffusersModel:
    """The model as a run loads it, or without weights."""
    from genrl.config import model_folder
    from genrl.judging.source import Found, load
    from genrl.models import load_model

    if not config_only:
        return load(Found(config, None))
    model = config.model
    return load_model(model_folder(model.path), call=model.call, dtype=model.dtype, device="meta", revision=model.revision)
