"""From a resolved configuration to a finished run: build the parts, fit, export, say what was gained."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import torch
import yaml
from accelerate.utils import set_seed
from torch import nn

import genrl
from genrl import checkpoint, files
from genrl.algorithms import Algorithm
from genrl.config import RunConfig, check_algorithm, check_reward_gradient, deciding, model_folder, to_plain, to_yaml
from genrl.engine import accelerator_of, meet, sharding_of
from genrl.errors import GenrlError
from genrl.export import Exporter
from genrl.hub import upload
from genrl.interrupt import Interrupt
from genrl.judging.identity import base_version, writer_version
from genrl.judging.protocol import card_of, held_out_evaluator, prompt_sources, reward_panel, rewritten
from genrl.models import DiffusersModel, add_lora, load_model
from genrl.models.attention import try_attention
from genrl.models.loading import DTYPES, silence_bars
from genrl.models.sharding import Shards
from genrl.models.switches import apply_switches, check_switches
from genrl.monitoring import Watch
from genrl.policy import WeightedPolicy
from genrl.prompts import check_pictures
from genrl.quiet import QuietReporter
from genrl.reporting import RunReporter
from genrl.selfcheck import check_start, first_update
from genrl.settings import ModelSettings
from genrl.tracking import geometry_table
from genrl.trainer import Trainer

#: Of what decides a run's numbers, the weights that it trains.
BASE = "the base model"
#: Libraries whose versions are written beside a run.
RECORDED = ("torch", "diffusers", "transformers", "accelerate", "peft", "datasets")


def start(config: RunConfig, resume: bool = False, begin: Path | None = None) -> int:
    """Run to the end, or to Ctrl-C; returns the exit status. `config.run.output` is the run's folder.

    begin: a checkpoint of another run, whose trained weights a new run begins with instead of the base's.
    """
    processes = meet(config)
    config = replace(config, run=replace(config.run, output=processes.tell(config.run.output)[0]))
    folder = Path(config.run.output)
    folder.mkdir(parents=True, exist_ok=True)
    reporter: Any = QuietReporter(processes.index)
    if processes.main:
        reporter = RunReporter(folder, config.algorithm_name, config.train.max_steps)
    if processes.count > 1:
        from genrl.estimate.sharing import geometry_of  # estimates load models as runs do

        reporter.show(geometry_table(geometry_of(config, processes.count)))
    trainer = build(config, folder, reporter)
    if begin and not resume:
        take_weights(trainer.policy, begin, config.train.ema_decay > 0)
    weights = {"source": str(folder), "model": config.model.path, "version": trainer.identity[BASE]}
    weights |= writer_version(config.prompts)
    reporter.card = card_of(config, trainer.evaluator, trainer.rewards).with_weights(weights)
    reporter.watch = Watch(config.alarms, trainer.rewards.trained)
    if config.run.report_to:
        trainer.accelerator.init_trackers("genrl", config=flat(to_plain(config)))
        reporter.track = trainer.accelerator.log
    if config.model.start_from and not (resume and checkpoint.found(trainer.persistence.root)):
        processes.together(lambda: trainer.persistence.adopt(Path(config.model.start_from)))
    if resume:
        trainer.restore()
        reporter.resume(trainer.progress)
    elif processes.main:
        files.write_text(folder / "environment.yaml", yaml.safe_dump(environment()))
    if processes.main:
        files.write_text(folder / "config.yaml", to_yaml(config))
    stop = Interrupt()
    try:
        with stop, reporter:
            check_start(config, trainer, reporter)
            trainer.fit(lambda: stop() or (config.evaluation.stop_on_alarm and bool(reporter.raised)))
    except GenrlError as error:
        reporter.report("stopped")
        if error.shared:
            _leave(trainer)
        raise
    finished = trainer.step >= config.train.max_steps
    if finished and processes.main:
        with files.whole_folder(folder / checkpoint.MODEL) as draft:
            if trainer.policy.shards:  # one process cannot ask the others for their parts
                rebuilt(trainer.persistence.newest, draft, folder, config)
            else:
                exporter(config, folder, trainer.policy)(draft, trainer.step)
    reporter.conclude(trainer.step, finished, trainer.best, config.evaluation.patience)
    reporter.report("finished" if finished else "stopped")
    if finished and processes.main and config.run.hub_model_id:
        again = f"genrl export {folder} --push-to-hub {config.run.hub_model_id}"
        repository, private = config.run.hub_model_id, config.run.hub_private_repo
        reporter.uploaded(upload(folder / checkpoint.MODEL, repository, private, again))
    _leave(trainer)
    return 0


def _leave(trainer: Trainer) -> None:
    """Part from the other processes, once all are here: one that goes while others still write can take them with it."""
    if trainer.processes.count > 1:
        trainer.accelerator.wait_for_everyone()
        trainer.accelerator.end_training()


def build(config: RunConfig, folder: Path, reporter: Any, policy: WeightedPolicy | None = None) -> Trainer:
    """Assemble the trainer; everything cheap is checked before the model's weights are read.

    policy: one that is loaded already, with the switches of its networks thrown; None loads the configuration's.
    """
    check_algorithm(config)
    check_switches(config.model)
    rewards = reward_panel(config, folder / "failures")
    check_reward_gradient(config, rewards)
    prompts, heldout = prompt_sources(config)
    check_pictures(prompts, config.algorithm.reads)
    if config.model.path == "scenes":
        silence_bars()
    accelerator = accelerator_of(config, folder)
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    set_seed(config.run.seed)
    if config.model.attention:
        try_attention(config.model.attention, _network_dtype(config), accelerator.device)
    if policy is None:
        policy = load_policy(
            config.model, config.algorithm, config.train.ema_decay > 0, accelerator.device, folder, sharding_of(config)
        )
        apply_switches(policy.model.networks, config.model)
    kept = folder if accelerator.is_main_process else None  # what is written for requests is the same on all
    return Trainer(
        algorithm=config.algorithm,
        policy=policy,
        prompts=rewritten(config, prompts, kept),
        rewards=rewards,
        evaluator=held_out_evaluator(config, heldout, kept),
        sampling=config.sampling,
        train=config.train,
        evaluation=config.evaluation,
        run=config.run,
        folder=folder,
        accelerator=accelerator,
        reporter=reporter,
        identity=deciding(config)
        | {BASE: base_version(config.model), "processes": accelerator.num_processes}
        | writer_version(config.prompts),
        export=exporter(config, folder, policy) if config.model.weights == "lora" and not policy.shards else None,
        first_update=first_update(config, policy, reporter),
    )


def exporter(config: RunConfig, folder: Path, policy: WeightedPolicy) -> Exporter:
    """What writes the weights that the run is evaluated with."""
    return Exporter(config, folder, policy, "ema" if config.train.ema_decay else "current")


def take_weights(policy: WeightedPolicy, source: Path, ema: bool) -> None:
    """The trained weights of a checkpoint in every set that follows training; the reference stays the base."""
    tensors = checkpoint.read(source).tensors["ema" if ema else "current"]
    for name in ("current", *policy.stored_sets):
        if name != "reference":
            policy.load_weight_set(name, tensors)


def rebuilt(source: Path, folder: Path, run: Path, config: RunConfig) -> None:
    """Write the weights of a checkpoint as a folder of their own: the base model, loaded again, with the tensors in it."""
    snapshot = checkpoint.read(source)
    policy = load_policy(config.model, config.algorithm, False, torch.device("cpu"))
    policy.load_weight_set("current", snapshot.tensors["ema" if config.train.ema_decay else "current"])
    Exporter(config, run, policy, "current")(folder, snapshot.state["step"])


def load_policy(
    settings: ModelSettings,
    algorithm: Algorithm,
    ema: bool,
    device: torch.device,
    folder: Path | None = None,
    shard: Callable[[Mapping[str, nn.Module]], Shards] | None = None,
) -> WeightedPolicy:
    """The model with its trainable weights and the weight sets that the algorithm and the trainer need.

    folder: where text encodings go if they are kept on disk; None is the system's folder for temporary files.
    shard: shares the weights of the networks out over processes.
    """
    model = load_model(
        model_folder(settings.path),
        call=settings.call,
        dtype=settings.dtype,
        device=device,
        revision=settings.revision,
        trust_remote_code=settings.trust_remote_code,
        max_rows=settings.max_rows,
        decode_rows=settings.decode_rows,
        offload=settings.offload,
        encodings=(folder or Path(gettempdir())) if settings.encodings == "disk" else None,
    )
    return policy_of(model, settings, algorithm, ema, shard)


def policy_of(
    model: DiffusersModel,
    settings: ModelSettings,
    algorithm: Algorithm,
    ema: bool,
    shard: Callable[[Mapping[str, nn.Module]], Shards] | None = None,
) -> WeightedPolicy:
    """A model that was just loaded, with its trainable weights and the weight sets that are needed."""
    lora = settings.weights == "lora"
    if lora:
        add_lora(model, settings.lora_rank, settings.lora_alpha, list(settings.lora_targets) or None)
    for network in model.networks.values():
        if not lora:
            network.requires_grad_(True)
    shards = shard(model.networks) if shard else None
    return WeightedPolicy(model, algorithm.weight_sets | ({"ema"} if ema else set()), lora=lora, shards=shards)


def _network_dtype(config: RunConfig) -> torch.dtype:
    """In which the networks compute."""
    return DTYPES[{"bf16": "bfloat16", "fp16": "float16"}.get(config.train.mixed_precision, config.model.dtype)]


def flat(plain: Mapping[str, Any], head: str = "") -> dict[str, str | int | float | bool]:
    """A nested configuration as dotted keys and scalars, which is what trackers take."""
    found: dict[str, str | int | float | bool] = {}
    for key, value in plain.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{head}{key}.")
        else:
            found[head + key] = value if isinstance(value, str | int | float | bool) else str(value)
    return found


def environment() -> dict[str, str]:
    """Versions, hardware, the git revision of the working directory, if it is one, and when it was."""
    git = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {name: version(name) for name in RECORDED} | {
        "genrl": genrl.__version__,
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "cpu",
        "cpu_count": str(os.cpu_count()),
        "git": git.stdout.strip(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
