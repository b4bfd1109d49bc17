"""What a model is made of: components and their sizes, how it is guided, its latents and its grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from genrl.models import DiffusersModel
from genrl.models.proof import Call, recorded
from genrl.types import Condition


@dataclass(frozen=True)
class Component:
    """One module of a pipeline, without its adapters.

    bytes: of parameters and buffers. adapted: layers with adapters, and the parameters of the adapters.
    """

    name: str
    kind: str
    parameters: int
    bytes: int
    dtype: str
    adapted: tuple[int, int]


def components(model: DiffusersModel) -> list[Component]:
    """The modules of the pipeline, those that can be trained first."""
    modules = {name: part for name, part in model.pipe.components.items() if isinstance(part, nn.Module)}
    ordered = [*model.networks, *(name for name in modules if name not in model.networks)]
    return [_component(name, modules[name]) for name in ordered]


def guidance(model: DiffusersModel, condition: Condition) -> str:
    """How the pipeline guides, seen in the calls of its networks for one velocity of one row."""
    noise = torch.zeros(1, *model.latent_shape(), device=model.device)
    with recorded(model.networks) as calls, torch.no_grad():
        model.velocity(noise, model.sigmas(2)[0], condition)
    if len(calls) > 1:
        return f"classifier-free: {len(calls)} calls of the network for each velocity"
    if _rows(calls[0]) > 1:
        return f"classifier-free: {_rows(calls[0])} rows through the network for each row of latents"
    return "embedded in the network" if calls[0].kwargs.get("guidance") is not None else "none"


def _component(name: str, module: nn.Module) -> Component:
    from peft.tuners.lora import LoraLayer

    adapters = [part for part in module.modules() if isinstance(part, LoraLayer)]
    low_rank = sum(p.numel() for path, p in module.named_parameters() if "lora_" in path)
    parameters = [p for path, p in module.named_parameters() if "lora_" not in path]
    tensors = (*parameters, *module.buffers())
    return Component(
        name=name,
        kind=type(module).__name__,
        parameters=sum(p.numel() for p in parameters),
        bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        dtype=", ".join(sorted({str(p.dtype).removeprefix("torch.") for p in parameters})),
        adapted=(len(adapters), low_rank),
    )


def _rows(call: Call) -> int:
    """Rows of the first tensor, or list of them, that the network was given."""
    given: list[Any] = [part for part in (*call.args, *call.kwargs.values()) if isinstance(part, (torch.Tensor, list))]
    return len(given[0]) if given else 1
