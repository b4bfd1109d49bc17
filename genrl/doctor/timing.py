"""How long a velocity takes, and how much of it is the network's own."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from genrl.models import DiffusersModel
from genrl.models.proof import recorded
from genrl.types import Condition

REPEATS = 3


@dataclass(frozen=True)
class Timing:
    """Median seconds for one row: a velocity, the bare calls of the networks in it, a velocity with its backward pass."""

    velocity: float
    network: float
    trained: float


def timing(model: DiffusersModel, condition: Condition) -> Timing:
    """`condition` has one row. Everything is run once before it is timed."""
    noise, sigma = torch.zeros(1, *model.latent_shape(), device=model.device), model.sigmas(2)[0]

    def velocity() -> Any:
        return model.velocity(noise, sigma, condition)

    with torch.no_grad():
        with recorded(model.networks) as calls:
            velocity()
        alone = _seconds(lambda: [call.network(*call.args, **call.kwargs) for call in calls], model.device)
        whole = _seconds(velocity, model.device)
    trained = [p for network in model.networks.values() for p in network.parameters() if p.requires_grad]
    learning = _seconds(lambda: torch.autograd.grad(velocity().sum(), trained, allow_unused=True), model.device)
    return Timing(whole, alone, learning)


def _seconds(run: Callable[[], Any], device: torch.device) -> float:
    spent = []
    for _ in range(REPEATS + 1):
        wait(device)
        started = time.perf_counter()
        run()
        wait(device)
        spent.append(time.perf_counter() - started)
    return statistics.median(spent[1:])


def wait(device: torch.device) -> None:
    """Until the device has done what it was asked to; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
