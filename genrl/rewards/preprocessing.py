"""Pictures as a network wants them: what its PIL processor does, on batched tensors and differentiable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from genrl.errors import RewardError

#: PIL's numbers of the filters that torch has too, with the same kernels when it antialiases.
FILTERS = {2: "bilinear", 3: "bicubic"}


@dataclass(frozen=True)
class Preprocessing:
    """Resize, crop around the centre, normalise.

    PIL rounds to whole bytes after each direction of a resize and this does not: before the normalisation, pixels in
    [0, 1] differ by at most 1.25/255 and on average by less than 0.4/255.

    resize: length of the shortest edge, or (height, width) whatever the aspect; None leaves the size.
    crop: (height, width) cut out of the centre, with black around what is smaller; None cuts nothing.
    mean, std: of each channel, subtracted and divided by.
    filter: bicubic or bilinear, for `resize`.
    """

    resize: int | tuple[int, int] | None
    crop: tuple[int, int] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    filter: str = "bicubic"

    @staticmethod
    def of(processor: Any) -> Preprocessing:
        """What an image processor of transformers is set to; RewardError for what cannot be done on tensors."""
        size, crop, filter = processor.size, processor.crop_size, FILTERS.get(int(processor.resample))
        if filter is None or size.longest_edge or not (size.shortest_edge or size.height) or processor.do_pad:
            raise RewardError(
                f"A {type(processor).__name__} that resizes to {size} with PIL's filter {int(processor.resample)} cannot be "
                "followed on tensors; write the reward as a function that calls the processor itself."
            )
        return Preprocessing(
            resize=(size.shortest_edge or (size.height, size.width)) if processor.do_resize else None,
            crop=(crop.height, crop.width) if processor.do_center_crop else None,
            mean=tuple(processor.image_mean) if processor.do_normalize else (0.0, 0.0, 0.0),
            std=tuple(processor.image_std) if processor.do_normalize else (1.0, 1.0, 1.0),
            filter=filter,
        )

    def __call__(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> (B, 3, h, w), float32."""
        pixels = pixels.float()
        if self.resize is not None:
            pixels = resized(pixels, _target(self.resize, *pixels.shape[-2:]), self.filter)
        if self.crop is not None:
            pixels = _centre(pixels, *self.crop)
        return self.normalised(pixels)

    def normalised(self, pixels: Tensor) -> Tensor:
        mean, std = (torch.tensor(values, device=pixels.device)[:, None, None] for values in (self.mean, self.std))
        return (pixels - mean) / std


def resized(pixels: Tensor, size: tuple[int, int], filter: str = "bicubic") -> Tensor:
    """(B, 3, H, W) -> (B, 3, *size) with PIL's filters, widths first.

    Bicubic throws edges beyond [0, 1]; that is cut after each direction, as in PIL, whose bytes cannot hold it.
    """
    for target in ((pixels.shape[-2], size[1]), size):
        if tuple(pixels.shape[-2:]) != target:
            pixels = F.interpolate(pixels, target, mode=filter, align_corners=False, antialias=True).clamp(0.0, 1.0)
    return pixels


def letterboxed(pixels: Tensor, side: int) -> Tensor:
    """(B, 3, H, W) -> (B, 3, side, side): the longest edge is made to fit, and black bars fill the rest."""
    scale = side / max(pixels.shape[-2:])
    pixels = resized(pixels, (round(pixels.shape[-2] * scale), round(pixels.shape[-1] * scale)))
    lack_h, lack_w = (side - length for length in pixels.shape[-2:])
    return F.pad(pixels, (lack_w // 2, lack_w - lack_w // 2, lack_h // 2, lack_h - lack_h // 2))


def _target(edge: int | tuple[int, int], height: int, width: int) -> tuple[int, int]:
    if not isinstance(edge, int):
        return edge
    other = int(edge * max(height, width) / min(height, width))
    return (edge, other) if height <= width else (other, edge)


def _centre(pixels: Tensor, height: int, width: int) -> Tensor:
    """Rounds as transformers does, also where black is added around what is too small."""
    lack_h, lack_w = max(height - pixels.shape[-2], 0), max(width - pixels.shape[-1], 0)
    pixels = F.pad(pixels, (lack_w - lack_w // 2, lack_w // 2, lack_h - lack_h // 2, lack_h // 2))
    top, left = (pixels.shape[-2] - height) // 2, (pixels.shape[-1] - width) // 2
    return pixels[..., top : top + height, left : left + width]
