"""Weights on disk, in the formats that diffusers itself reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from genrl.errors import ModelError
from genrl.models.lora import ADAPTER, adapter_layers, attach, required_adapter_layers

if TYPE_CHECKING:
    from genrl.models.pipeline import DiffusersModel

LORA_FILE = "pytorch_lora_weights.safetensors"


def save_pipeline(pipe: Any, networks: Mapping[str, nn.Module], folder: str | Path) -> None:
    """The whole pipeline folder, as safetensors."""
    if any(adapter_layers(network) for network in networks.values()):
        raise ModelError('The networks carry LoRA adapters, which a pipeline folder cannot hold; save weights="lora".')
    pipe.save_pretrained(folder, safe_serialization=True)


def save_lora(networks: Mapping[str, nn.Module], folder: str | Path) -> None:
    """One LoRA file for all networks, each under its component's name, with the adapter's configuration.

    The same file as the pipelines' own `save_lora_weights`, which knows only the first network of Wan 2.2 and does not
    exist for PRX. Without the configuration diffusers would take alpha = rank.
    """
    from diffusers.loaders.lora_base import LoraBaseMixin
    from peft import get_peft_model_state_dict

    weights: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for name, network in networks.items():
        required_adapter_layers(network)
        state = get_peft_model_state_dict(network, adapter_name=ADAPTER)
        weights |= {f"{name}.{key}": value.contiguous().cpu() for key, value in state.items()}
        config = network.peft_config[ADAPTER].to_dict()  # type: ignore[index, union-attr]
        metadata |= {f"{name}.{key}": value for key, value in config.items()}
    LoraBaseMixin.write_lora_layers(
        weights,
        str(folder),
        is_main_process=True,
        weight_name=LORA_FILE,
        save_function=None,  # type: ignore[arg-type]
        safe_serialization=True,
        lora_adapter_metadata=metadata,
    )


def load_lora(model: DiffusersModel, folder: str | Path) -> None:
    """Attach the adapters that `save_lora` wrote, trainable, to a model without adapters."""
    from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
    from peft import LoraConfig, set_peft_model_state_dict
    from safetensors import safe_open

    path = Path(folder) / LORA_FILE
    if not path.is_file():
        raise ModelError(f"There is no {LORA_FILE} in {folder}; give a folder that was saved with LoRA weights.")
    with safe_open(path, framework="pt") as file:
        described = (file.metadata() or {}).get(LORA_ADAPTER_METADATA_KEY)
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if described is None:
        raise ModelError(f"{path} does not say its alpha and targets; save it again with model.save(folder, 'lora').")
    metadata = json.loads(described)
    for name, network in model.networks.items():
        attach(network, LoraConfig(**_below(name, metadata)))
        set_peft_model_state_dict(network, _below(name, weights), adapter_name=ADAPTER)


def _below(name: str, entries: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(f"{name}."): value for key, value in entries.items() if key.startswith(f"{name}.")}
