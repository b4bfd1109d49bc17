"""Pictures in the form each reward wants, each form made once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genrl.errors import RewardError


class Media:
    """Images (B, 3, H, W) or videos (B, F, 3, H, W), float in [0, 1], of B prompts.

    Rewards share what they are given; none may write to it. Raises RewardError for another shape, or for pixels that
    are no numbers.
    """

    def __init__(self, pixels: Tensor, count: int) -> None:
        if pixels.ndim not in (4, 5) or pixels.shape[-3] != 3 or not pixels.is_floating_point():
            raise RewardError(
                f"Rewards want float images (B, 3, H, W) or videos (B, F, 3, H, W), not {pixels.dtype} of shape "
                f"{tuple(pixels.shape)}; decode the latents first."
            )
        if len(pixels) != count:
            raise RewardError(f"There are {len(pixels)} pictures for {count} prompts; give one prompt a picture.")
        finite = pixels.isfinite().flatten(1).all(dim=1)
        if not finite.all():
            rows = (~finite).nonzero().flatten().tolist()
            raise RewardError(
                f"{len(rows)} of {count} pictures (the first is row {rows[0]}) hold NaN or infinity, so they have no "
                "reward: the model has diverged. Go back to a checkpoint and lower the learning rate."
            )
        self.pixels = pixels

    def completions(self, media: str, device: Any) -> Tensor | list[Any]:
        """The tensor on `device`, or the list of PIL images (videos: uint8 arrays (F, H, W, 3), as TRL's)."""
        return self.pixels.to(device) if media == "tensor" else self._listed

    @cached_property
    def _listed(self) -> list[Any]:
        arrays = as_bytes(self.pixels).movedim(-3, -1).cpu().numpy()
        return [Image.fromarray(array) for array in arrays] if arrays.ndim == 4 else list(arrays)


def as_bytes(pixels: Tensor) -> Tensor:
    """Floats in [0, 1] -> uint8 of the same shape, rounded."""
    return (pixels * 255).round().clamp(0, 255).to(torch.uint8)


def frames(completion: Image.Image | np.ndarray) -> list[Image.Image]:
    """The pictures of one completion: itself, or the frames of a video (F, H, W, 3)."""
    return [completion] if isinstance(completion, Image.Image) else [Image.fromarray(frame) for frame in completion]
