"""What a run finds out about itself before it spends anything: `genrl.doctor` at its start and at its first update."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

from genrl.config import RunConfig
from genrl.doctor import FirstUpdate, check_replay, precision
from genrl.doctor.first_update import EXCEPTION
from genrl.policy import WeightedPolicy
from genrl.registry import entry
from genrl.trainer import Trainer


def check_start(config: RunConfig, trainer: Trainer, reporter: Any) -> None:
    """Three rows through the network: a replayed step is the rollout's, and gradients reach the weights; else ModelError."""
    if not config.run.self_check:
        return
    # Prompts of the evaluation, which encodes them anyway.
    texts = [prompt.text for prompt in islice(cycle(trainer.evaluator.prompts), 2)]
    dtype = precision(trainer.policy.model.networks.values(), config.train.mixed_precision)
    found = check_replay(trainer.policy, texts, trainer.sigmas, dtype, trainer.accelerator.autocast)
    reporter.say(f"[dim]Self-check: a replayed step is the rollout's, {found}.[/]")


def first_update(config: RunConfig, policy: WeightedPolicy, reporter: Any) -> FirstUpdate | None:
    """The check of the first update, for the trainer; None if it is switched off."""
    if not config.run.self_check:
        return None
    return FirstUpdate(
        dtype=precision(policy.model.networks.values(), config.train.mixed_precision),
        suspects=tuple(_suspects(config)),
        declared=EXCEPTION in entry("algorithm", config.algorithm_name).facts.get("exceptions", {}),
        **({"warn": reporter.warning} if reporter else {}),
    )


def _suspects(config: RunConfig) -> Iterator[str]:
    """Settings with which the same network may answer otherwise with gradient, or in another batch."""
    model, train, sampling = config.model, config.train, config.sampling
    if train.mixed_precision != "no":
        yield f"train.mixed_precision={train.mixed_precision}"
    if model.dtype != "float32":
        yield f"model.dtype={model.dtype}"
    if model.gradient_checkpointing:
        yield "model.gradient_checkpointing=true"
    rows = train.prompts_per_iteration * sampling.group_size
    if train.rows < rows:
        yield f"train.rows={train.rows} where the rollout asks {min(model.max_rows or rows, rows)} rows at once"
