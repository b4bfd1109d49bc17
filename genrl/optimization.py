"""The optimizer step: learning-rate schedule, gradient clipping, and the guard against updates that are not finite."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from genrl.errors import TrainingError
from genrl.models.sharding import gathered
from genrl.settings import TrainSettings


def learning_rate(settings: TrainSettings, iteration: int) -> float:
    """The rate of an iteration: linear warm-up, then constant, linear or cosine decay to 0. Nothing to save."""
    if iteration < settings.warmup_steps:
        return settings.learning_rate * (iteration + 1) / settings.warmup_steps
    span = max(1, settings.max_steps - settings.warmup_steps)
    progress = min(1.0, (iteration - settings.warmup_steps) / span)
    factor = {"constant": 1.0, "linear": 1.0 - progress, "cosine": 0.5 * (1.0 + math.cos(math.pi * progress))}
    return settings.learning_rate * factor[settings.schedule]


def guarded(loss: Tensor) -> Tensor:
    """The same loss, but one that is not finite has a gradient of NaN.

    So the norm of the gradient tells every process to skip the update, whichever of them the loss belongs to.
    """
    return loss * (1.0 + 0.0 * loss.detach())


class Weights(Protocol):
    """Where the trained weights of all processes are: `genrl.replicas` or `genrl.models.sharding`."""

    #: What the optimizer changes.
    parameters: list[nn.Parameter]

    def average(self) -> None:
        """The gradients of `parameters` become their means over processes. Once for each optimizer step, on all together."""
        ...

    def renew(self) -> None:
        """Have the networks compute with `parameters` as they have become."""
        ...


class Optimization:
    """AdamW over the trained parameters. An update that is not finite is skipped; several in a row end the run.

    updates: how many were applied. bad_in_a_row: how many were skipped since.
    """

    def __init__(self, weights: Weights, settings: TrainSettings, accelerator: Accelerator) -> None:
        self.weights, self.parameters, self.settings = weights, weights.parameters, settings
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=settings.learning_rate, betas=settings.betas, weight_decay=settings.weight_decay, fused=True
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
        """Average, clip and apply the accumulated gradient; returns (its norm before clipping, whether it was applied).

        Raises TrainingError after `train.max_bad_updates` in a row that were not finite.
        """
        self.weights.average()
        limit = self.settings.max_grad_norm or math.inf
        (total,) = gathered({"norm": self.accelerator.clip_grad_norm_(self.parameters, limit)}, keep=True).values()
        norm = float(total)
        applied, searching = math.isfinite(norm), self._scale() > 1.0
        if applied or self.accelerator.scaler is not None:
            self.prepared.step()  # a scaler skips it by itself, and lowers its scale
            self.weights.renew()
        self.prepared.zero_grad(set_to_none=True)
        self.updates += applied
        self.bad_in_a_row = 0 if applied else self.bad_in_a_row + (not searching)
        if self.bad_in_a_row >= self.settings.max_bad_updates:
            raise TrainingError(
                f"{self.bad_in_a_row} updates in a row had a loss or a gradient that is not finite, and were skipped. The run "
                "would do the same again: begin a new one with its weights by adding --resume-weights-only and a lower "
                "train.learning_rate, or objective.log_ratio_clamp."
            )
        return norm, applied

    def _scale(self) -> float:
        """By which fp16 multiplies losses. It is lowered until gradients fit, so above 1 one that does not says nothing."""
        return 1.0 if self.accelerator.scaler is None else float(self.accelerator.scaler.get_scale())

    def state(self) -> dict[str, Any]:
        """What a checkpoint has to hold beside the optimizer's tensors."""
        scaler = self.accelerator.scaler
        return {
            "updates": self.updates,
            "bad_in_a_row": self.bad_in_a_row,
            "scaler": None if scaler is None else scaler.state_dict(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.updates, self.bad_in_a_row = state["updates"], state["bad_in_a_row"]
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(dict(state["scaler"]))
