"""The training loop of the base model."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from genrl.scenes.pretrain.data import make_batch
from genrl.scenes.pretrain.evaluate import evaluate
from genrl.scenes.pretrain.grounding import WEIGHT, grounding_loss
from genrl.scenes.pretrain.loss import encode, velocity_loss
from genrl.scenes.pretrain.optim import rate_factor, set_rates
from genrl.scenes.pretrain.state import State, load_checkpoint, new_state, save_checkpoint, update_average

MAX_GRADIENT_NORM = 1.0
LOG_EVERY = 100  # steps between lines where no progress bar can be drawn


@dataclass(frozen=True)
class Settings:
    """What a run is determined by (``steps``, ``batch_size``, ``seed``, ``bf16``) and how it is carried out."""

    output: Path
    steps: int = 3_000
    batch_size: int = 64
    seed: int = 0
    bf16: bool = True
    compile: bool = False
    resume: bool = False
    checkpoint_every: int = 500
    evaluate_every: int = 500


def train_step(state: State, transformer: Callable[..., Any], settings: Settings) -> float:
    """One update of weights and average; returns the velocity loss. ``transformer`` may be the compiled one of the state."""
    batch = make_batch(settings.seed, state.step, settings.batch_size)
    set_rates(state.optimizers, rate_factor(state.step, settings.steps))
    text, mask = encode(state.pipeline.tokenizer, state.pipeline.text_encoder, batch.prompts)
    loss = velocity_loss(transformer, text, mask, batch, settings.bf16)
    (loss + WEIGHT * grounding_loss(state.heads, text, batch.prompts)).backward()
    torch.nn.utils.clip_grad_norm_(state.parameters(), MAX_GRADIENT_NORM)
    for optimizer in state.optimizers:
        optimizer.step()
        optimizer.zero_grad()
    update_average(state)
    state.step += 1
    return loss.item()


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("pretrain"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TextColumn("{task.fields[speed]:.0f} samples/s"),
        TimeRemainingColumn(),
        console=console,
    )


def pretrain(settings: Settings, console: Console | None = None) -> State:
    """Train (or go on training) the base model; checkpoints, evaluations and the folder land in ``settings.output``."""
    settings.output.mkdir(parents=True, exist_ok=True)
    checkpoint, state = settings.output / "checkpoint.pt", new_state(settings.seed)
    if settings.resume:
        load_checkpoint(state, checkpoint)
    state.pipeline.transformer.train()
    transformer = torch.compile(state.pipeline.transformer) if settings.compile else state.pipeline.transformer
    with _progress(console or Console()) as progress:
        task = progress.add_task("", total=settings.steps, completed=state.step, loss=float("nan"), speed=0.0)
        smooth = None
        while state.step < settings.steps:
            loss = train_step(state, transformer, settings)
            smooth = loss if smooth is None else smooth + 0.02 * (loss - smooth)
            speed = settings.batch_size * (progress.tasks[task].speed or 0.0)
            progress.update(task, advance=1, loss=smooth, speed=speed)
            if not progress.console.is_terminal and state.step % LOG_EVERY == 0:
                progress.console.print(f"step {state.step}  loss {smooth:.4f}  {speed:.0f} samples/s")
            last = state.step == settings.steps
            if state.step % settings.checkpoint_every == 0 or last:
                save_checkpoint(state, checkpoint)
            if state.step % settings.evaluate_every == 0 or last:
                row = evaluate(state.average, state.step, settings.output)
                progress.console.print(f"loss {smooth:.4f}  " + "  ".join(f"{k} {v}" for k, v in row.items()))
    return state
