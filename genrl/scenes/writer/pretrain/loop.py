"""The training loop of the prompt writer."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track

from genrl.scenes.pretrain.optim import set_rates
from genrl.scenes.writer.folder import Model, build_model, build_tokenizer, save_folder
from genrl.scenes.writer.pretrain.data import make_batch
from genrl.scenes.writer.pretrain.evaluate import evaluate

MATRIX_RATE = 1e-2  # Muon, with updates scaled to the size AdamW's would have
OTHER_RATE = 3e-3  # AdamW: embeddings and norms
WARMUP, FLOOR = 50, 0.02  # linear warm-up, cosine to that share of the rate
MAX_GRADIENT_NORM = 1.0
RIGHT_SHARE = 0.6  # steps with right answers: which word goes where is learnt very late from answers that contradict each other


@dataclass(frozen=True)
class Settings:
    """What a training is determined by (``steps``, ``batch_size``, ``seed``), and the folder that it leaves."""

    output: Path
    steps: int = 1_000
    batch_size: int = 64
    seed: int = 0


def rate_factor(step: int, steps: int) -> float:
    """Factor on the learning rate at ``step`` of ``steps``."""
    return min(1.0, (step + 1) / WARMUP) * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * step / steps)))


def build_optimizers(model: Model) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for everything else; rates are those of factor 1."""
    named = list(model.named_parameters())
    matrices = [parameter for name, parameter in named if parameter.ndim == 2 and ".layers." in name]
    others = [parameter for name, parameter in named if parameter.ndim != 2 or ".layers." not in name]
    muon = torch.optim.Muon(matrices, lr=MATRIX_RATE, weight_decay=0.01, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    optimizers = [muon, torch.optim.AdamW(others, lr=OTHER_RATE, betas=(0.9, 0.98), weight_decay=0.01)]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    return optimizers


def pretrain(settings: Settings, console: Console | None = None) -> Model:
    """Train the writer; its folder and the numbers of ``evaluate`` land in ``settings.output``."""
    console = console or Console()
    torch.manual_seed(settings.seed)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer)
    optimizers = build_optimizers(model)
    for step in track(range(settings.steps), "pretrain", console=console):
        set_rates(optimizers, rate_factor(step, settings.steps))
        habits = step >= RIGHT_SHARE * settings.steps
        batch = make_batch(tokenizer, settings.seed, step, settings.batch_size, habits)
        loss = model(input_ids=batch.ids, attention_mask=batch.mask, labels=batch.labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if (step + 1) % 100 == 0:
            console.print(f"step {step + 1}  loss {loss.item():.4f}")
    model.eval()
    save_folder(model, tokenizer, settings.output / "model")
    numbers = evaluate(model, tokenizer)
    (settings.output / "eval.json").write_text(json.dumps(numbers, indent=1) + "\n")
    console.print("  ".join(f"{name} {value}" for name, value in numbers.items()))
    return model
