"""Pictures in the form each reward wants, each form made once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genrl.errors import RewardError

#: What a reward may ask for: PIL images, pixels as a tensor, or the latents before they are decoded.
FORMS = ("pil", "tensor", "latent")


class Media:
    """Images (B, 3, H, W) or videos (B, F, 3, H, W), float in [0, 1], of B prompts, and their latents (B, *L).

    Either may be None where no reward asks for it. Rewards share what they are given; none may write to it. Raises
    RewardError for another shape, or for values that are no numbers.
    """

    def __init__(self, pixels: Tensor | None, count: int, latents: Tensor | None = None) -> None:
        if pixels is not None and (pixels.ndim not in (4, 5) or pixels.shape[-3] != 3 or not pixels.is_floating_point()):
            raise RewardError(
                f"Rewards want float images (B, 3, H, W) or videos (B, F, 3, H, W), not {pixels.dtype} of shape "
                f"{tuple(pixels.shape)}; decode the latents first."
            )
        for given in (pixels, latents):
            if given is not None:
                _check_rows(given, count)
        self.pixels, self.latents = pixels, latents

    def completions(self, form: str, device: Any) -> Tensor | list[Any]:
        """The tensor on `device`, or the list of PIL images (videos: uint8 arrays (F, H, W, 3), as TRL's)."""
        if form == "latent":
            return _given(self.latents, form).to(device)
        return _given(self.pixels, form).to(device) if form == "tensor" else self._listed

    @cached_property
    def _listed(self) -> list[Any]:
        arrays = as_bytes(_given(self.pixels, "pil")).movedim(-3, -1).cpu().numpy()
        return [Image.fromarray(array) for array in arrays] if arrays.ndim == 4 else list(arrays)


def _given(tensor: Tensor | None, form: str) -> Tensor:
    if tensor is None:
        raise RewardError(f"A reward wants media = {form!r}, and the panel was given none; pass it to `score`.")
    return tensor


def _check_rows(given: Tensor, count: int) -> None:
    if len(given) != count:
        raise RewardError(f"There are {len(given)} pictures for {count} prompts; give one prompt a picture.")
    finite = given.isfinite().flatten(1).all(dim=1)
    if not finite.all():
        rows = (~finite).nonzero().flatten().tolist()
        raise RewardError(
            f"{len(rows)} of {count} pictures (the first is row {rows[0]}) hold NaN or infinity, so they have no "
            "reward: the model has diverged. Go back to a checkpoint and lower the learning rate."
        )


def as_bytes(pixels: Tensor) -> Tensor:
    """Floats in [0, 1] -> uint8 of the same shape, rounded."""
    return (pixels * 255).round().clamp(0, 255).to(torch.uint8)


def frames(completion: Image.Image | np.ndarray) -> list[Image.Image]:
    """The pictures of one completion: itself, or the frames of a video (F, H, W, 3)."""
    return [completion] if isinstance(completion, Image.Image) else [Image.fromarray(frame) for frame in completion]
