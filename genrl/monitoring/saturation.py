"""How much of a picture is at the end of the scale."""

from __future__ import annotations

from torch import Tensor

#: A channel this near to an end of [0, 1] is rounded to it.
HALF_A_LEVEL = 0.5 / 255
#: Difference of the largest and the smallest channel from which a pixel is vivid; the primary colours have 1.
VIVID = 0.8


def clipped(images: Tensor) -> Tensor:
    """Share (B,) of the pixels of images (B, 3, H, W) or videos (B, F, 3, H, W) with a channel at 0 or at 1."""
    at_end = (images <= HALF_A_LEVEL) | (images >= 1 - HALF_A_LEVEL)
    return at_end.any(dim=-3).flatten(1).float().mean(dim=1)


def vivid(images: Tensor) -> Tensor:
    """Share (B,) of the pixels whose chroma, the largest minus the smallest channel, is above .8."""
    chroma = images.amax(dim=-3) - images.amin(dim=-3)
    return (chroma > VIVID).flatten(1).float().mean(dim=1)
