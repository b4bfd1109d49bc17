"""From pictures to a pipeline's own latents, by inverting what the pipeline does between its latents and its autoencoder.

Pipelines unpack, scale and shift final latents before they decode them, each in its own way, and none of them moves more than
single numbers: every number that the autoencoder gets is an affine function of one number of the latents. Which one and which
function is found by asking, so nothing here knows any model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.image_processor import VaeImageProcessor
from torch import Tensor

from genrl.errors import ModelError

#: Places are asked for digit by digit, so that none is lost to rounding, whatever the latents are scaled by.
BASE = 256


@dataclass(frozen=True)
class Rearrangement:
    """z[i] = scale[i] latents[place[i]] + offset[i], of one row of n numbers.

    place (n,) is a permutation; inner and outer: the shapes of one row of z and of latents.
    """

    place: Tensor
    scale: Tensor
    offset: Tensor
    inner: tuple[int, ...]
    outer: tuple[int, ...]

    @staticmethod
    def of(tail: Callable[[Tensor], Tensor], outer: Sequence[int], device: torch.device) -> Rearrangement | None:
        """What `tail`, (1, *outer) -> (1, *inner), does to latents; None if it is no rearrangement."""
        count = math.prod(outer)

        def ask(row: Tensor) -> Tensor:
            return tail(row.to(device, torch.float32).view(1, *outer)).float().flatten()

        offset, order = ask(torch.zeros(count)), torch.arange(count)
        scale = ask(torch.ones(count)) - offset
        if offset.numel() != count or bool((scale == 0.0).any()):
            return None
        digits = range(math.ceil(math.log(max(count, 2), BASE)))
        read = [((ask(order // BASE**d % BASE) - offset) / scale).round().long() * BASE**d for d in digits]
        inner = tuple(tail(torch.zeros(1, *outer, device=device)).shape[1:])
        found = Rearrangement(torch.stack(read).sum(dim=0), scale, offset, inner, tuple(outer))
        if not torch.equal(found.place.sort().values.cpu(), order):
            return None
        probe = torch.randn(count, generator=torch.Generator().manual_seed(0)).to(device)
        agrees = torch.allclose(found.inverse(ask(probe).view(1, *inner)).flatten(), probe, rtol=1e-3, atol=1e-3)
        return found if agrees else None

    def inverse(self, z: Tensor) -> Tensor:
        """(B, *inner) -> latents (B, *outer), float32."""
        latents = torch.empty(len(z), len(self.place), device=z.device)
        latents[:, self.place] = (z.float().flatten(1) - self.offset) / self.scale
        return latents.view(-1, *self.outer)


def encoded(pipe: Any, rearrangement: Rearrangement, media: Tensor) -> Tensor:
    """Images (B, 3, H, W) or frames (B, F, 3, H, W) in [0, 1] -> latents (B, *L): the mode of what the autoencoder says."""
    pixels = torch.as_tensor(_processor(pipe).normalize(media))
    if pipe.components.get("vae") is None:
        return rearrangement.inverse(pixels)
    if len(rearrangement.inner) == 4:  # channels before frames, and a picture is a video of one
        pixels = pixels.movedim(1, 2) if pixels.ndim == 5 else pixels.unsqueeze(2)
    parameter = next(pipe.vae.parameters())
    said = pipe.vae.encode(pixels.to(parameter.device, parameter.dtype), return_dict=False)[0]
    z = said if isinstance(said, Tensor) else said.mode()
    if z.shape[1:] != rearrangement.inner or not bool(z.isfinite().all()):
        raise ModelError(
            f"The autoencoder of {type(pipe).__name__} makes {tuple(z.shape[1:])} of a picture, where its decoder takes finite "
            f"{rearrangement.inner}; set model.call.height and width to what the model was trained at, and model.dtype=float32."
        )
    return rearrangement.inverse(z.to(media.device))


def _processor(pipe: Any) -> VaeImageProcessor:
    """The pipeline's own, which maps [0, 1] to what its autoencoder takes."""
    return next(part for part in vars(pipe).values() if isinstance(part, VaeImageProcessor))


class Arrived(BaseException):
    """Unwinds a pipeline once it is known what it decodes; no `except Exception` of a pipeline may swallow it."""

    def __init__(self, z: Tensor) -> None:
        self.z = z


class Listener:
    """Stands in for a pipeline's autoencoder and tells what it is asked to decode."""

    #: Pipelines cast to it, and nothing may be rounded.
    dtype = torch.float32

    def __init__(self, vae: Any) -> None:
        self._vae = vae

    def decode(self, z: Tensor, *args: Any, **kwargs: Any) -> Any:
        raise Arrived(z)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vae, name)
