"""Gradients reach the LoRA of every layer that has an effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genrl.errors import ModelError
from genrl.models import DiffusersModel
from genrl.models.lora import ADAPTER
from genrl.types import Condition


@dataclass(frozen=True)
class Reached:
    """Layers with adapters, and those among them that change nothing: the network makes no use of their answers."""

    layers: int
    unused: tuple[str, ...]

    def __str__(self) -> str:
        if not self.unused:
            return f"all {self.layers} layers with adapters get gradients"
        some = ", ".join(self.unused[:4]) + (", ..." if len(self.unused) > 4 else "")
        return f"{self.layers - len(self.unused)} of {self.layers} layers get gradients; the network never uses: {some}"


def check_adapters(model: DiffusersModel, condition: Condition, sigmas: Sequence[float]) -> Reached:
    """The gradient of a velocity at each of `sigmas`, for `condition` of one row, in all adapters of the networks.

    The second factors are tried, as the gradients of the first are 0 while they are 0. A layer without gradient is unused
    if random factors there leave the velocity as it is; ModelError if they change it, or if no layer has a gradient.
    """
    factors = dict(_second_factors(model))
    noise = torch.randn(1, *model.latent_shape(), generator=torch.Generator().manual_seed(1)).to(model.device)
    without = set(factors)
    for sigma in sigmas:
        slopes = torch.autograd.grad(
            model.velocity(noise, sigma, condition).square().sum(), list(factors.values()), allow_unused=True
        )
        found = dict(zip(factors, slopes, strict=True))
        without -= {name for name, slope in found.items() if slope is not None and bool(slope.any())}
    if len(without) == len(factors):
        raise ModelError("No adapter gets a gradient: this pipeline's velocity cannot be differentiated.")
    missed = sorted(without)
    if missed and _matter(model, [factors[name] for name in missed], noise, condition, sigmas):
        raise ModelError(
            f"{len(missed)} layers get no gradient though they change the velocity: {', '.join(missed)}. Leave them out of "
            "model.lora_targets."
        )
    return Reached(len(factors), tuple(missed))


@torch.no_grad()
def _matter(
    model: DiffusersModel, factors: Sequence[Tensor], noise: Tensor, condition: Condition, sigmas: Sequence[float]
) -> bool:
    """Whether any of the factors changes a velocity."""
    before = [model.velocity(noise, sigma, condition) for sigma in sigmas]
    for factor in factors:
        nn.init.normal_(factor)
    after = [model.velocity(noise, sigma, condition) for sigma in sigmas]
    for factor in factors:
        factor.zero_()
    return not all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def _second_factors(model: DiffusersModel) -> Iterator[tuple[str, nn.Parameter]]:
    from peft.tuners.lora import LoraLayer

    for network, module in model.networks.items():
        for name, layer in module.named_modules():
            if isinstance(layer, LoraLayer):
                factor: Any = layer.lora_B[ADAPTER]
                yield f"{network}.{name}", factor.weight
