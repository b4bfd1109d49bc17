"""Pictures whose order a reward has to know, for `known_answers` and tests; each (3, H, W) in [0, 1]."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor


def circle(side: int = 256) -> Tensor:
    """A red disc on white."""
    picture = Image.new("RGB", (side, side), "white")
    ImageDraw.Draw(picture).ellipse([side // 5, side // 5, side * 4 // 5, side * 4 // 5], fill=(220, 0, 0))
    return pixels_of(picture)


def noise(side: int = 256) -> Tensor:
    """Each value by itself."""
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(0))


def words(text: str, side: int = 256) -> Tensor:
    """Black letters in the middle of a white square, an eighth of it high."""
    picture = Image.new("RGB", (side, side), "white")
    font = ImageFont.load_default(side // 8)
    ImageDraw.Draw(picture).text((side // 2, side // 2), text, fill="black", font=font, anchor="mm")
    return pixels_of(picture)


def pixels_of(picture: Image.Image) -> Tensor:
    """(3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.asarray(picture.convert("RGB"), np.float32) / 255).permute(2, 0, 1)
