"""What one wants to know of a model before a run."""

from __future__ import annotations

import torch
from torch import Tensor

from genrl.doctor.anatomy import guidance
from genrl.doctor.timing import timing
from genrl.models import DiffusersModel

TEXT = "a red circle"


def describe(model: DiffusersModel, steps: int, timed: bool) -> dict[str, str]:
    """Latents, grid and guidance by name, in words; `timed` asks the network some more to say how long it takes."""
    condition, _ = model.encode([TEXT])
    shape = model.latent_shape()
    with torch.no_grad():
        media = model.decode(torch.zeros(1, *shape, device=model.device))
    facts = {
        "scheduler": type(model.pipe.scheduler).__name__,
        f"grid of {steps} steps": " ".join(f"{sigma:.3f}" for sigma in model.sigmas(steps)),
        "latent": f"{' x '.join(map(str, shape))} = {media_size(media)}",
        "guidance": guidance(model, condition),
        "call": ", ".join(f"{name}={value}" for name, value in model.call.items()) or "the pipeline's defaults",
    }
    if timed:
        spent = timing(model, condition)
        facts["one velocity, one row"] = (
            f"{1e3 * spent.velocity:.1f} ms on {model.device}, of which {1e3 * spent.network:.1f} ms are the bare network's; "
            f"with its backward pass {1e3 * spent.trained:.1f} ms"
        )
    return facts


def media_size(media: Tensor) -> str:
    """(B, 3, H, W) or (B, F, 3, H, W) in words."""
    height, width = media.shape[-2:]
    frames = f", {media.shape[1]} frames" if media.ndim == 5 else ""
    return f"{width} x {height} pixels{frames}"
