"""LoRA on the networks of a model (Hu et al., arXiv:2106.09685), through peft."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from torch import nn

from genrl.errors import ConfigError, ModelError
from genrl.registry import suggestion

if TYPE_CHECKING:
    from genrl.models.pipeline import DiffusersModel

ADAPTER = "default"
#: Parts of a block that modulate, normalise or embed rather than attend or feed forward.
_OTHER = re.compile(r"norm|mod|ada|emb|time", re.IGNORECASE)


def add_lora(model: DiffusersModel, rank: int, alpha: float, targets: list[str] | None = None) -> None:
    """Freeze every network of the model and give it low-rank adapters, in float32; they start as no change at all.

    rank: a higher rank can change more and costs memory and time in proportion.
    alpha: the adapters are scaled by alpha / rank; more makes the same gradient step change the model more.
    targets: names of Linear layers, or the ends of such names ("to_q"); None takes `default_targets`.

    The first factors are drawn from torch's global generator: seed it first.
    """
    from diffusers.training_utils import cast_training_params
    from peft import LoraConfig

    for name, network in model.networks.items():
        chosen = default_targets(network) if targets is None else targets
        _check_targets(name, network, chosen)
        attach(network, LoraConfig(r=rank, lora_alpha=alpha, target_modules=chosen))  # type: ignore[arg-type]
        # Steps of 1e-4 and less vanish in bfloat16.
        cast_training_params(network)


def default_targets(network: nn.Module) -> list[str]:
    """Full names of the attention and feed-forward Linear layers in the network's repeated blocks."""
    found = list(block_layers(network))
    if not found:
        raise ModelError(
            f"{type(network).__name__} has no Linear layers in repeated blocks; name its layers in the LoRA targets."
        )
    return found


def block_layers(network: nn.Module) -> dict[str, nn.Linear]:
    """The Linear layers of the repeated blocks that attend or feed forward, by full name."""
    return {
        f"{name}.{part}": module
        for name, child in network.named_children()
        if isinstance(child, nn.ModuleList) or name == "mid_block"  # of a UNet, between its two lists
        for part, module in child.named_modules()
        if isinstance(module, nn.Linear) and not _OTHER.search(part)
    }


def attach(network: nn.Module, config: Any) -> None:
    """Put an adapter on a network and train nothing else."""
    from accelerate import init_empty_weights
    from diffusers.loaders import PeftAdapterMixin
    from peft import inject_adapter_in_model

    if adapter_layers(network):
        raise ModelError(f"{type(network).__name__} already has a LoRA adapter; load the model again for another one.")
    network.requires_grad_(False)
    hollow = next(network.parameters()).device.type == "meta"
    with init_empty_weights() if hollow else nullcontext():
        if isinstance(network, PeftAdapterMixin):
            network.add_adapter(config, ADAPTER)
        else:
            # A few networks (PRX) lack the mixin; peft does the same on any module.
            inject_adapter_in_model(config, network, ADAPTER)


@contextmanager
def adapters_disabled(*networks: nn.Module) -> Iterator[None]:
    """Inside, the networks answer without their adapters: the reference policy, at no memory."""
    with disabled([layer for network in networks for layer in required_adapter_layers(network)]):
        yield


@contextmanager
def disabled(layers: Sequence[Any]) -> Iterator[None]:
    """Inside, these layers answer without their adapters."""
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def adapter_layers(network: nn.Module) -> list[Any]:
    """The layers that carry adapters."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return [module for module in network.modules() if isinstance(module, BaseTunerLayer)]


def required_adapter_layers(network: nn.Module) -> list[Any]:
    """The layers that carry adapters; ModelError if there are none."""
    layers = adapter_layers(network)
    if not layers:
        raise ModelError(f"{type(network).__name__} has no LoRA adapter; call add_lora(model, rank, alpha) first.")
    return layers


def _check_targets(name: str, network: nn.Module, targets: list[str]) -> None:
    known = {part for part, module in network.named_modules() if isinstance(module, nn.Linear)}
    for target in targets:
        if not any(part == target or part.endswith(f".{target}") for part in known):
            endings = {part.rsplit(".", 1)[-1] for part in known} - {"0", "1", "2"}
            raise ConfigError(f"The {name} has no Linear layer {target!r}{suggestion(target, endings)}")
