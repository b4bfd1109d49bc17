"""`genrl.json` beside exported weights: what they are and how to draw with them, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from genrl._version import __version__
from genrl.config import RunConfig
from genrl.errors import ConfigError
from genrl.models import DiffusersModel
from genrl.models.conversion import Diffusion, conversion_of
from genrl.models.media import makes_video
from genrl.spec import to_spec

FILE = "genrl.json"


@dataclass(frozen=True)
class PipelineFacts:
    """What has to be known of a pipeline to use it without genrl.

    name, scheduler: its class and that of its scheduler. networks: the components that were trained.
    video: whether it makes videos. lora: whether it has `load_lora_weights`. diffusion: whether its network predicts noise
    or the like, so that it samples as DDIM does.
    """

    name: str
    scheduler: str
    networks: tuple[str, ...]
    video: bool
    lora: bool
    diffusion: bool = False

    @staticmethod
    def of(model: DiffusersModel) -> PipelineFacts:
        from diffusers.loaders.lora_base import LoraBaseMixin

        pipe = model.pipe
        return PipelineFacts(
            name=type(pipe).__name__,
            scheduler=type(pipe.scheduler).__name__,
            networks=tuple(model.networks),
            video=makes_video(type(pipe)),
            lora=isinstance(pipe, LoraBaseMixin),
            diffusion=isinstance(conversion_of(pipe), Diffusion),
        )


@dataclass(frozen=True)
class Record:
    """Exported weights: their algorithm, iteration and pipeline, and a configuration of what it takes to draw with them.

    `config` has keys of a configuration file: the base model, the sampling, how it was evaluated, and nothing of where the
    run lay.
    """

    algorithm: str
    step: int
    pipeline: PipelineFacts
    config: Mapping[str, Any]
    genrl: str = __version__

    @staticmethod
    def of(config: RunConfig, step: int, model: DiffusersModel) -> Record:
        drawing = {
            "model": to_spec(config.model),
            "sampling": to_spec(config.sampling),
            "evaluation": {"steps": config.evaluation.steps},
            "train": {"mixed_precision": config.train.mixed_precision},
        }
        return Record(config.algorithm_name, step, PipelineFacts.of(model), drawing)

    def write(self, folder: Path) -> None:
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1))


def read_record(folder: Path) -> Record:
    """The record of an exported folder; ConfigError if its file is damaged."""
    path = folder / FILE
    try:
        plain = json.loads(path.read_text())
        facts = plain.pop("pipeline")
        return Record(pipeline=PipelineFacts(**facts | {"networks": tuple(facts["networks"])}), **plain)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path} cannot be read ({error}); export the run again with `genrl export RUN`.") from error
