"""Writes what a run has trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genrl.config import RunConfig
from genrl.export.card import write_card
from genrl.export.record import Record
from genrl.models import DiffusersModel
from genrl.policy import WeightedPolicy


@dataclass(frozen=True)
class Exporter:
    """Writes one weight set of a run as a folder: a LoRA file for `load_lora_weights`, or a pipeline for `from_pretrained`.

    run: the run's folder; its evaluations, pictures and versions go into the card.
    weights: the weight set, "ema" where the run keeps an average.
    """

    config: RunConfig
    run: Path
    policy: WeightedPolicy
    weights: str

    def __call__(self, folder: Path, step: int) -> None:
        model = self.policy.model
        assert isinstance(model, DiffusersModel), "runs train pipelines of diffusers"
        with self.policy.using(self.weights):
            model.save(folder, self.config.model.weights)
        record = Record.of(self.config, step, model)
        record.write(folder)
        write_card(folder, self.run, self.config, record, self.config.run.hub_model_id)
