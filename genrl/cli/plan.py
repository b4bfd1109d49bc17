"""What a run is going to do, as a table, and where it is going to be."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from genrl.config import RunConfig
from genrl.registry import component_name, is_component

RUNS = Path("runs")


def with_output(config: RunConfig) -> RunConfig:
    """The configuration with a folder for the run: the first free runs/ALGO-MODEL-N, unless one was named."""
    if config.run.output:
        return config
    model = Path(config.model.path).name or "model"
    number = 1
    while (folder := RUNS / f"{config.algorithm_name}-{model}-{number}").exists():
        number += 1
    return dataclasses.replace(config, run=dataclasses.replace(config.run, output=str(folder)))


def print_plan(config: RunConfig, console: Console | None = None, processes: int = 1) -> None:
    """The plan, and how an iteration is shared out if there are several processes."""
    table = Table("setting", "value", title=f"The plan of {config.algorithm_name}", title_justify="left")
    for name, value in plan_rows(config):
        table.add_row(name, value)
    console = console or Console()
    console.print(table)
    if processes > 1:
        from genrl.estimate.sharing import geometry_of
        from genrl.tracking import geometry_table

        console.print(geometry_table(geometry_of(config, processes)))
    console.print("All that can be checked before weights are loaded is in order. Nothing was run.", soft_wrap=True)


def plan_rows(config: RunConfig) -> Iterator[tuple[str, str]]:
    """The rows of the plan: the four verbs' components, then the settings in the order in which they matter."""
    for field in dataclasses.fields(config.algorithm):  # type: ignore[arg-type]
        yield field.name, brief(getattr(config.algorithm, field.name))
    train, sampling, evaluation = config.train, config.sampling, config.evaluation
    pictures = train.prompts_per_iteration * sampling.group_size
    weights = f"LoRA of rank {config.model.lora_rank}" if config.model.weights == "lora" else "all weights"
    yield "model", f"{config.model.path} ({weights}, {config.model.dtype})"
    yield "rewards", ", ".join(f"{reward.name} x {reward.weight:g}" for reward in config.rewards)
    yield "prompts", config.prompts.source
    groups = f"{train.prompts_per_iteration} prompts x {sampling.group_size} members"
    yield "an iteration", f"{groups} = {pictures} pictures of {sampling.steps} steps"
    yield "iterations", f"{train.max_steps} ({train.max_steps * pictures:,} pictures in all)"
    yield "optimizer", f"AdamW, learning rate {train.learning_rate:g} ({train.schedule}), batches of {train.rows} rows"
    yield "evaluation", f"{evaluation.samples} pictures, every {evaluation.every} iterations"
    yield "seed, device", f"{config.run.seed}, {config.run.device}"
    yield "output", config.run.output


def brief(value: Any) -> str:
    """A component on one line: name(field=value, ...)."""
    if is_component(value):
        fields = ", ".join(f"{f.name}={brief(getattr(value, f.name))}" for f in dataclasses.fields(value))
        return f"{component_name(value)}({fields})" if fields else component_name(value)
    if isinstance(value, tuple):
        return f"[{', '.join(brief(part) for part in value)}]"
    return str(value)
