"""Gradients through modules that compute without them in eval mode, as diffusers' mixtures of experts do."""

from __future__ import annotations

import inspect

import torch
from torch import nn


def let_gradients_through(network: nn.Module) -> None:
    """Put those modules into train mode, and not their children, where dropout would be.

    In eval mode everything that a method under `@torch.no_grad()` computes counts as a constant: its weights learn nothing,
    and all before it learn from a wrong gradient.
    """
    kinds = {kind: _stops_gradients(kind) for kind in {type(module) for module in network.modules()}}
    for module in network.modules():
        if kinds[type(module)]:
            module.training = True


def _stops_gradients(kind: type[nn.Module]) -> bool:
    """Whether a module has a method under `@torch.no_grad()` and a forward that asks whether it trains."""
    asks = "training" in inspect.unwrap(kind.forward).__code__.co_names
    return asks and any(map(_without_gradient, vars(kind).values()))


def _without_gradient(method: object) -> bool:
    # The decorator keeps the mode it enters as `ctx_factory = mode.clone` in its closure.
    modes = [getattr(cell.cell_contents, "__self__", None) for cell in getattr(method, "__closure__", None) or ()]
    return any(isinstance(mode, torch.no_grad) for mode in modes)
