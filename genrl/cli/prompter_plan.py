"""What the training of a prompt writer is going to do, as a table, and where it is going to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from genrl.cli.plan import RUNS, brief
from genrl.prompter.config import PrompterConfig
from genrl.prompter.grpo import DEFAULTS


def with_output(config: PrompterConfig) -> PrompterConfig:
    """The configuration with a folder for the run: the first free runs/prompter-MODEL-N, unless one was named."""
    if config.flow.run.output:
        return config
    model, number = Path(config.source).name or "model", 1
    while (folder := RUNS / f"prompter-{model}-{number}").exists():
        number += 1
    return replace(config, flow=replace(config.flow, run=replace(config.flow.run, output=str(folder))))


def print_plan(config: PrompterConfig) -> None:
    table = Table("setting", "value", title="The plan of the prompt writer's training", title_justify="left")
    for name, value in plan_rows(config):
        table.add_row(name, escape(value))
    console = Console()
    console.print(table)
    console.print("All that can be checked before weights are loaded is in order. Nothing was run.", soft_wrap=True)


def plan_rows(config: PrompterConfig) -> Iterator[tuple[str, str]]:
    grpo, flow, writer = DEFAULTS | dict(config.grpo), config.flow, config.writer
    weights = f"LoRA of rank {writer.lora_rank}" if writer.weights == "lora" else "all weights"
    yield "writer", f"{writer.path} ({weights}, {writer.dtype})"
    yield "flow model", f"{config.source} (frozen)"
    yield "rewards of pictures", ", ".join(f"{reward.name} x {reward.weight:g}" for reward in flow.rewards)
    yield "faithfulness", f"{brief(writer.faithfulness)} x {writer.faithfulness_weight:g}"
    if config.text_rewards:
        yield "rewards of texts", ", ".join(f"{reward.name} x {reward.weight:g}" for reward in config.text_rewards)
    yield "requests", flow.prompts.source
    completions = grpo["per_device_train_batch_size"] * grpo.get("gradient_accumulation_steps", 1)
    steps = flow.evaluation.steps or flow.sampling.steps
    groups = f"{completions // grpo['num_generations']} requests x {grpo['num_generations']} prompts x {writer.pictures} noises"
    yield "a step", f"{groups} = {completions * writer.pictures} pictures of {steps} steps"
    yield "steps", str(grpo["max_steps"])
    yield "TRL's GRPOConfig", ", ".join(f"{name}={value}" for name, value in grpo.items() if name != "max_steps")
    yield "evaluation", f"{flow.evaluation.samples} pictures, every {flow.evaluation.every} steps"
    yield "seed, device", f"{flow.run.seed}, {flow.run.device}"
    yield "output", flow.run.output
