"""The engine under a run: accelerate's processes, devices and precision, and which of its options a run can use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import DynamoBackend, FullyShardedDataParallelPlugin
from torch import nn

from genrl import launched
from genrl.config import RunConfig
from genrl.errors import ConfigError
from genrl.models.sharding import Shards
from genrl.processes import Processes

#: What does, where another engine does not.
INSTEAD = "Use fsdp2, or ddp: genrl train --accelerate-config fsdp2 ..."
#: For how long a process waits for the others: rewards may be slow, and writing a checkpoint as well.
PATIENCE = timedelta(hours=1)


def meet(config: RunConfig) -> Processes:
    """The processes that the launcher has started, once they have found each other; one without a launcher."""
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true":  # accelerate would load it
        raise ConfigError(f"{launched.FOREIGN['DEEPSPEED']}. {INSTEAD}")
    processes = Processes(PartialState(cpu=_on_cpu(config), timeout=PATIENCE))
    if processes.count != launched.count():
        raise ConfigError(
            f"The launcher has started {launched.count()} processes, and {processes.count} met. Give each a GPU, or "
            "--device cpu, and start them with torchrun or with accelerate launch."
        )
    return processes


def _on_cpu(config: RunConfig) -> bool:
    return config.run.device == "cpu" or (config.run.device == "auto" and not torch.accelerator.is_available())


def accelerator_of(config: RunConfig, folder: Path) -> Accelerator:
    """The accelerator of a run; ConfigError if the launcher's configuration asks for what a run cannot do."""
    plugin = FullyShardedDataParallelPlugin() if sharded() else None
    accelerator = Accelerator(
        cpu=_on_cpu(config),
        mixed_precision=config.train.mixed_precision,
        log_with=list(config.run.report_to) or None,
        project_dir=folder,
        fsdp_plugin=plugin,
    )
    for obstacle in (*_obstacles(config, accelerator), *(_sharding_obstacles(config, plugin) if plugin else ())):
        raise ConfigError(obstacle)
    return accelerator


def sharded() -> bool:
    """Whether the launcher's configuration asks for FSDP."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def sharding_of(config: RunConfig) -> Callable[[Mapping[str, nn.Module]], Shards] | None:
    """What shards the networks of a run; None if every process holds them in whole."""
    processes, half = Processes(PartialState()), {"bf16": torch.bfloat16, "fp16": torch.float16}
    if not sharded() or processes.count == 1:
        return None
    return partial(Shards, processes=processes, compute=half.get(config.train.mixed_precision))


def _obstacles(config: RunConfig, accelerator: Accelerator) -> Iterator[str]:
    """What stands in the way, as sentences."""
    kind, asked = accelerator.distributed_type.value, os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if kind in launched.FOREIGN:
        yield f"{launched.FOREIGN[kind]}. {INSTEAD}"
    if accelerator.parallelism_config is not None:
        yield "Tensor and context parallelism are not supported; leave parallelism_config out and use fsdp2, or ddp."
    if accelerator.gradient_accumulation_steps != 1:
        yield "Batches of an update follow from train.rows; set gradient_accumulation_steps to 1."
    if accelerator.state.dynamo_plugin.backend != DynamoBackend.NO:
        yield "Networks are compiled block by block; leave dynamo_config out and set model.compile=true."
    if asked not in ("no", config.train.mixed_precision):
        yield f"The launcher asks for mixed precision {asked}; set train.mixed_precision={asked}, or mixed_precision to 'no'."


def _sharding_obstacles(config: RunConfig, plugin: FullyShardedDataParallelPlugin) -> Iterator[str]:
    if plugin.fsdp_version != 2:
        yield "FSDP of version 1 flattens parameters, and adapters need theirs whole; set fsdp_version to 2."
    if plugin.reshard_after_forward:
        yield (
            "Processes may ask their networks a different number of times (texts of another length, halved batches), so no "
            "call may wait for other processes; set fsdp_reshard_after_forward to false."
        )
    if os.environ.get("FSDP_OFFLOAD_PARAMS", "false").lower() == "true":
        yield "Weights stay on the device between optimizer steps; set fsdp_offload_params to false."
    if plugin.activation_checkpointing:
        yield "Set model.gradient_checkpointing=true instead of fsdp_activation_checkpointing."
    if plugin.cpu_ram_efficient_loading:
        yield (
            "fsdp_cpu_ram_efficient_loading has transformers leave the text encoders of all but the first process empty; set "
            "it to false."
        )
    others = config.algorithm.weight_sets - ({"reference"} if config.model.weights == "lora" else set())
    if others:
        yield (
            f"The recipe asks other weights as well ({', '.join(sorted(others))}), and FSDP2 would fetch their parts from all "
            "processes in the middle of a batch. Use ddp; if it is the reference, leave out the regularizers or train adapters."
        )
    if config.model.compile:
        yield "FSDP2 replaces the weights that compiled blocks were compiled for; set model.compile=false."
    if config.model.fp8_base:
        yield "FSDP2 and model.fp8_base both replace a layer's weights for the time of its call; choose one of them."
