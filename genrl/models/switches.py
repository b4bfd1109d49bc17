"""Switches of the networks that save memory or time, and what each of them needs.

Rollout and learning ask the same modules, so a switch that changes the numbers changes them in both, and the ratio of the
first update stays 1. What cannot keep that is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from genrl.errors import ConfigError
from genrl.models.attention import check_attention, set_attention
from genrl.models.lora import block_layers
from genrl.settings import ModelSettings


def check_switches(settings: ModelSettings) -> None:
    """Raise ConfigError for settings that cannot work together, whatever the model."""
    if settings.weights == "full" and settings.dtype != "float32":
        raise ConfigError(
            f"Small updates vanish in {settings.dtype} weights; train all weights with model.dtype=float32 and "
            "train.mixed_precision=bf16, or set model.weights=lora."
        )
    if settings.fp8_base and settings.weights != "lora":
        raise ConfigError("model.fp8_base rounds weights that are to be trained; set model.weights=lora.")
    if settings.fp8_base and not settings.gradient_checkpointing:
        raise ConfigError(
            "model.fp8_base saves nothing while the backward pass keeps every weight that was converted; set "
            "model.gradient_checkpointing=true as well."
        )
    if settings.fp8_base and settings.compile:
        raise ConfigError(
            "model.fp8_base converts weights between calls, which compiled blocks do not see; choose one of them."
        )
    if settings.attention:
        check_attention(settings.attention, settings.trust_remote_code)


def apply_switches(networks: Mapping[str, nn.Module], settings: ModelSettings) -> None:
    """Throw the switches of networks that have their adapters already."""
    if settings.attention:
        set_attention(networks, settings.attention)
    for name, network in networks.items():
        if settings.gradient_checkpointing:
            _checkpoint(name, network)
        if settings.fp8_base:
            _store_in_fp8(network)
        if settings.compile:
            _compile(name, network)


def _checkpoint(name: str, network: nn.Module) -> None:
    try:
        network.enable_gradient_checkpointing()  # type: ignore[operator]
    except ValueError as error:
        raise ConfigError(
            f"The {name} ({type(network).__name__}) has no gradient checkpointing; set model.gradient_checkpointing=false."
        ) from error


def _compile(name: str, network: nn.Module) -> None:
    """Compile the repeated blocks, alike blocks once.

    Sampling compiles to another graph than learning, which saves what the backward pass needs. Left alone, each would fuse
    operations, and so leave out roundings, in its own way, and the ratio of the first update would not be 1 in bfloat16.
    """
    blocks = [block for child in network.children() if isinstance(child, nn.ModuleList) for block in child]
    if not blocks:
        raise ConfigError(f"The {name} ({type(network).__name__}) has no repeated blocks; set model.compile=false.")
    for block in blocks:
        block.compile(options={"emulate_precision_casts": True})


def _store_in_fp8(network: nn.Module) -> None:
    """Keep the frozen layers of the blocks in 8 bits and convert each for the time of its call."""
    from diffusers.hooks import apply_layerwise_casting_hook

    for layer in block_layers(network).values():
        if not layer.weight.requires_grad:  # the layers of the adapters are Linear as well
            apply_layerwise_casting_hook(layer, torch.float8_e4m3fn, layer.weight.dtype, non_blocking=False)
