"""The optimizer step: learning-rate schedule, gradient clipping, and the guard against non-finite gradients."""

from __future__ import annotations

import math

import torch
from accelerate import Accelerator
from torch import nn

from genrl.errors import TrainingError
from genrl.settings import TrainSettings


def learning_rate(settings: TrainSettings, iteration: int) -> float:
    """The rate of an iteration: linear warm-up, then constant, linear or cosine decay to 0. Nothing to save."""
    if iteration < settings.warmup_steps:
        return settings.learning_rate * (iteration + 1) / settings.warmup_steps
    span = max(1, settings.max_steps - settings.warmup_steps)
    progress = min(1.0, (iteration - settings.warmup_steps) / span)
    factor = {"constant": 1.0, "linear": 1.0 - progress, "cosine": 0.5 * (1.0 + math.cos(math.pi * progress))}
    return settings.learning_rate * factor[settings.schedule]


class Optimization:
    """AdamW over the trained parameters. A non-finite gradient skips the update; several in a row end the run."""

    def __init__(self, parameters: list[nn.Parameter], settings: TrainSettings, accelerator: Accelerator) -> None:
        self.parameters, self.settings = parameters, settings
        self.optimizer = torch.optim.AdamW(
            parameters, lr=settings.learning_rate, betas=settings.betas, weight_decay=settings.weight_decay, fused=True
        )
        self.prepared = accelerator.prepare_optimizer(self.optimizer)
        self.accelerator = accelerator
        self.updates = 0
        self.bad_in_a_row = 0

    def begin(self, iteration: int) -> float:
        """Set and return the learning rate of an iteration."""
        rate = learning_rate(self.settings, iteration)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def step(self) -> tuple[float, bool]:
        """Clip and apply the accumulated gradient; returns (its norm before clipping, whether it was applied)."""
        limit = self.settings.max_grad_norm or math.inf
        norm = float(self.accelerator.clip_grad_norm_(self.parameters, limit))
        applied = math.isfinite(norm)
        if applied:
            self.prepared.step()
            self.updates += 1
        self.prepared.zero_grad(set_to_none=True)
        self.bad_in_a_row = 0 if applied else self.bad_in_a_row + 1
        if self.bad_in_a_row >= self.settings.max_bad_updates:
            raise TrainingError(
                f"{self.bad_in_a_row} updates in a row had a non-finite gradient; lower train.learning_rate or set "
                "objective.log_ratio_clamp, and resume from the last checkpoint."
            )
        return norm, applied
