"""From what the user names to a model and the configuration that it is judged by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from genrl.checkpoint import MANIFEST, MODEL, found
from genrl.config import RunConfig, check_device, check_model, model_folder, resolve
from genrl.config.resume import FILE
from genrl.config.world import SCENES
from genrl.errors import ModelError
from genrl.export import FILE as RECORD
from genrl.export import read_record
from genrl.models import DiffusersModel, load_lora, load_model
from genrl.models.loading import silence_bars
from genrl.policy import WeightedPolicy
from genrl.prompter.folder import is_writer
from genrl.settings import ModelSettings
from genrl.types import Sampling

#: What a model that no run has evaluated is drawn with: as many steps as flow models usually get, on their own grid.
PLAIN = {"sampling": {"steps": 28, "shift": None}, "evaluation": {"steps": 0}, "train": {"mixed_precision": "no"}}


@dataclass(frozen=True)
class Found:
    """A model: its configuration (of its base, and of how it is evaluated), and its folder of trained weights if it has one."""

    config: RunConfig
    tuned: Path | None

    @property
    def base(self) -> ModelSettings:
        return self.config.model

    @property
    def sampling(self) -> Sampling:
        """As in the run's evaluation."""
        return replace(self.config.sampling, steps=self.config.evaluation.steps or self.config.sampling.steps)

    @property
    def mixed_precision(self) -> str:
        return self.config.train.mixed_precision

    @property
    def untuned(self) -> Found:
        """The base, judged as this is."""
        return replace(self, tuned=None)


def find(source: str, sets: Sequence[str] = (), device: str | None = None, flags: Mapping[str, Any] | None = None) -> Found:
    """What `source` names: a finished run, a checkpoint, an exported folder, a diffusers folder, a hub id or "scenes".

    sets, flags: changes of the configuration, as in `genrl.config.resolve`.
    """
    folder, asked = Path(source), dict(flags or {}) | ({} if device is None else {"run.device": device})
    if is_writer(folder):
        raise ModelError(f"{source} is a prompt writer, which draws nothing; name a flow model, and give it as --prompter.")
    if (folder / FILE).is_file():
        config = resolve(config=folder / FILE, preset="none", sets=sets, flags=asked)
        tuned: Path | None = folder / MODEL
        if not (folder / MODEL).is_dir():
            raise ModelError(f"The run {source} is not finished; {_instead(folder)}.")
    elif (folder / MANIFEST).is_file() or (folder / RECORD).is_file():
        # A checkpoint of full weights holds no model, but its tensors fit the base.
        tuned = folder / MODEL if (folder / MODEL).is_dir() else folder
        run = _run_of(tuned)
        if run is None and not (tuned / RECORD).is_file():
            raise ModelError(f"The checkpoint {source} lies in no run, so its base is not known; name it in its run.")
        config = resolve(config=run / FILE if run else read_record(tuned).config, preset="none", sets=sets, flags=asked)
    else:
        tuned, plain = None, {} if source == SCENES else PLAIN
        config = resolve(config=plain, sets=sets, flags={"model.path": source} | asked)
        check_model(config.model)
    check_device(config.run, config.train)
    return Found(config, tuned)


def called(source: str) -> str:
    """A short name for a source: `run@step` for a checkpoint of a run and for an export of one."""
    path = Path(source)
    path = path.parent if path.name == MODEL else path
    found = re.fullmatch(r"(?:checkpoint|step)-(\d+)", path.name)
    if found and path.parent.name in ("checkpoints", "exports"):
        return f"{path.parents[1].name}@{int(found[1])}"
    return path.name or "model"


def load(source: Found, tuned: bool = True) -> DiffusersModel:
    """The model with the run's weights, or without."""
    folder, base, train = source.tuned if tuned else None, source.base, source.config.train
    whole = folder is not None and (folder / "model_index.json").is_file()
    if base.path == SCENES:
        silence_bars()
    model = load_model(
        folder if whole and folder is not None else model_folder(base.path),
        call=base.call,
        dtype=base.dtype,
        device=device_of(source.config.run.device),
        revision=None if whole else base.revision,
        trust_remote_code=base.trust_remote_code,
        max_rows=base.max_rows,
        decode_rows=base.decode_rows,
        offload=base.offload,
    )
    if folder is not None and (folder / MANIFEST).is_file():
        tensors = load_file(folder / f"{'ema' if train.ema_decay else 'current'}.safetensors")
        WeightedPolicy(model).load_weight_set("current", tensors)
    elif folder is not None and not whole:
        load_lora(model, folder)
    return model


def device_of(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _run_of(model: Path) -> Path | None:
    """The run in whose folder these weights lie, where runs and `genrl export` put them; None elsewhere."""
    folder = model.absolute()
    places = [folder.parent] if folder.name == MODEL else []
    places += [above.parent for above in folder.parents[:2] if above.name in ("checkpoints", "exports")]
    return next((run for run in reversed(places) if (run / FILE).is_file()), None)


def _instead(run: Path) -> str:
    """What to do with a run that has no model yet."""
    ready = [folder / MODEL for folder in found(run / "checkpoints") if (folder / MODEL).is_dir()]
    drawn = f", or draw from its newest checkpoint: {ready[-1]}" if ready else ""
    return f"continue it with `genrl train --resume {run}`{drawn}"
