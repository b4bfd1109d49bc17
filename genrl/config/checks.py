"""What can be known to fail before any weight is loaded."""

from __future__ import annotations

import re
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from genrl import launched
from genrl.checkpoint import MANIFEST
from genrl.config.resume import FILE
from genrl.config.run_config import RunConfig
from genrl.config.world import SCENES, model_folder
from genrl.errors import CheckpointError, ConfigError, ModelError, PromptError, RewardError
from genrl.geometry import prompts_of_each
from genrl.hub import check_repository
from genrl.registry import entries, suggestion
from genrl.settings import ModelSettings, PromptSettings, RewardSettings, RunSettings, TrainSettings

if TYPE_CHECKING:
    from genrl.rewards import RewardPanel


def check(config: RunConfig, resuming: bool = False) -> None:
    """Raise the first thing that stands in the way of the run, as a GenrlError."""
    check_algorithm(config)
    check_model(config.model)
    check_switches(config.model)
    check_reward_gradient(config, check_rewards(config.rewards))
    check_prompts(config.prompts)
    check_device(config.run, config.train)
    check_trackers(config.run)
    prompts_of_each(config.train.prompts_per_iteration, launched.count())
    if config.model.start_from and not resuming:
        check_start_from(Path(config.model.start_from))
    if config.run.hub_model_id:
        check_repository(config.run.hub_model_id)
    if config.run.output and launched.rank() == 0:  # elsewhere the main process may have begun to write
        check_output(Path(config.run.output), resuming)


def check_algorithm(config: RunConfig) -> None:
    """The method fits the sampling, and a batch of learning can hold what it compares."""
    config.algorithm.check(config.sampling)
    least = config.algorithm.smallest_unit(config.sampling)
    if config.train.rows < least:
        raise ConfigError(
            f"{config.algorithm_name} compares {least} rows with one another, but a batch of learning holds train.rows="
            f"{config.train.rows}; set train.rows to {least} or more."
        )


def check_model(model: ModelSettings) -> None:
    """A local folder has to be a pipeline; a hub id can only be looked at."""
    if model.path in entries("model"):
        return
    path = Path(model_folder(model.path)).expanduser()
    if path.is_dir():
        if not (path / "model_index.json").is_file():
            raise ModelError(
                f"{model.path!r} is no diffusers pipeline: it has no model_index.json. Give the pipeline's folder."
            )
    elif path.exists():
        raise ModelError(f"{model.path!r} is a file; give the folder of a diffusers pipeline, or a hub id owner/name.")
    elif model.path.startswith((".", "/", "~")) or not re.fullmatch(r"[\w.-]+/[\w.-]+", model.path):
        raise ModelError(
            f"There is no model {model.path!r}: no such folder (here: {Path.cwd()}), no hub id owner/name, no built-in"
            f" model{suggestion(model.path, [SCENES, *entries('model')])}"
        )


def check_start_from(folder: Path) -> None:
    if not (folder / MANIFEST).is_file():
        raise CheckpointError(
            f"model.start_from: {str(folder)!r} is no checkpoint, it has no {MANIFEST}; give a checkpoint's folder."
        )


def check_switches(model: ModelSettings) -> None:
    """What saves memory or time fits together."""
    from genrl.models import switches

    switches.check_switches(model)


def check_rewards(rewards: tuple[RewardSettings, ...]) -> RewardPanel:
    """Each reward is found and callable, has what it needs, and none is there twice."""
    from genrl.rewards import RewardPanel, resolve_reward

    if not rewards:
        raise RewardError(
            f"Nothing is rewarded; give --reward NAME. Known: {', '.join(entries('reward'))}, or module:function."
        )
    if all(reward.weight == 0.0 for reward in rewards):
        raise RewardError("Every reward has weight 0, so it is only watched; give at least one a weight.")
    panel = RewardPanel([resolve_reward(r.name, weight=r.weight, options=dict(r.options), label=r.label) for r in rewards])
    panel.check()
    return panel


def check_reward_gradient(config: RunConfig, rewards: RewardPanel) -> None:
    """Where the algorithm follows the gradient of the reward, there is one, and it finds its way through the decoder."""
    from genrl.rewards import check_gradient

    if not config.algorithm.reward_gradient:
        return
    check_gradient(rewards)
    if config.model.offload:
        raise ConfigError(
            f"{config.algorithm_name} needs the decoder on the device for its backward pass; set model.offload=false."
        )


def check_prompts(prompts: PromptSettings) -> None:
    """Local files exist and are not empty; what they hold is read when the run begins."""
    from genrl.prompts.rows import is_local, local_files

    if not prompts.source:
        raise PromptError("There are no prompts; give --prompts with a file, a directory, a hub id or a registered name.")
    for source in filter(None, (prompts.source, prompts.heldout)):
        if source not in entries("prompts") and is_local(source):
            local_files(Path(source).expanduser())
    if prompts.prompter:
        from genrl.prompter.rewriting import check_rewriter

        check_rewriter(prompts.prompter)


def check_device(run: RunSettings, train: TrainSettings) -> None:
    import torch

    there = {"auto": True, "cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[run.device]:
        usable = ", ".join(name for name, present in there.items() if present)
        raise ConfigError(f"The device {run.device!r} is not available to torch {torch.__version__} here; usable: {usable}.")
    if train.mixed_precision == "fp16" and (run.device == "cpu" or not torch.cuda.is_available()):
        raise ConfigError("train.mixed_precision=fp16 needs a CUDA device; use bf16, or no.")


def check_trackers(run: RunSettings) -> None:
    for tracker in run.report_to:
        if find_spec(tracker) is None:
            raise ConfigError(f"run.report_to asks for {tracker}, which is not installed; run `pip install {tracker}`.")


def check_output(folder: Path, resuming: bool) -> None:
    """The folder can be written to and holds no other run."""
    if (folder / FILE).exists() and not resuming:
        raise ConfigError(
            f"{str(folder)!r} already holds a run; continue it with `genrl train --resume {folder}`, "
            "or choose another --output."
        )
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise ConfigError(
            f"The output {str(folder)!r} cannot be written ({error.strerror}: {existing}); choose another --output."
        ) from None
