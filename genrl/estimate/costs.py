"""What one row costs: each kind of pass is made once, on a model without numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from genrl.errors import ModelError
from genrl.estimate.tally import Cost, gradients_dropped, tally
from genrl.models import DiffusersModel
from genrl.models.hollow import UNSEEN
from genrl.policy import WeightedPolicy

TEXT = "a red circle to the left of two blue squares, on a wooden table by the window"


@dataclass(frozen=True)
class Costs:
    """One row each: a velocity without gradient, one with its backward pass, a decoded latent, an encoded text.

    dimensions: numbers in one latent.
    """

    forward: Cost
    trained: Cost
    decode: Cost
    encode: Cost
    dimensions: int


def measure(policy: WeightedPolicy, model: DiffusersModel, steps: int, autocast: torch.dtype | None) -> Costs:
    """Run the pipeline once for each; `model` is hollow and animated, `autocast` the type of mixed precision, if any."""
    try:
        return _measured(policy, model, steps, autocast)
    except UNSEEN as reason:
        raise ModelError(
            f"What a network of {type(model.pipe).__name__} computes depends on its numbers ({reason}), as in a mixture of "
            "experts, so it cannot be sized without its weights; measure it with `genrl doctor` on the device."
        ) from None


def _measured(policy: WeightedPolicy, model: DiffusersModel, steps: int, autocast: torch.dtype | None) -> Costs:
    # The first text also shows how encodings follow the batch.
    model.encode(["a"])
    encode = tally(lambda: model.encode([TEXT]))
    condition, _ = model.encode([TEXT])
    latents = torch.zeros(1, *model.latent_shape())
    sigma = model.sigmas(steps)[steps // 2]

    def velocity() -> Any:
        with torch.autocast("cpu", autocast or torch.bfloat16, enabled=autocast is not None):
            return model.velocity(latents, sigma, condition)

    with gradients_dropped(policy.parameters()):
        trained = tally(lambda: velocity().sum().backward())
    return Costs(
        forward=_without_gradient(velocity),
        trained=trained,
        decode=_without_gradient(lambda: model.decode(latents)),
        encode=encode,
        dimensions=latents.numel(),
    )


@torch.no_grad()
def _without_gradient(run: Callable[[], Any]) -> Cost:
    return tally(run)
