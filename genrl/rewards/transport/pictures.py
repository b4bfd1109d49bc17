"""Pictures to the bytes of a file."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Literal

import torch
from PIL import Image
from safetensors.torch import save
from torch import Tensor

from genrl.rewards.media import as_bytes

#: png and webp are lossless in 8 bits a channel; jpeg is not; safetensors keeps the floats.
Encoding = Literal["png", "webp", "jpeg", "safetensors"]
#: How each is written: the fastest of the lossless settings, and a JPEG whose loss is hard to see.
_OPTIONS: dict[str, dict[str, Any]] = {
    "png": {"compress_level": 1},
    "webp": {"lossless": True, "quality": 0, "method": 0},
    "jpeg": {"quality": 95, "subsampling": 0},
}
#: The one tensor of a safetensors file.
PIXELS = "pixels"


def encoded(picture: Tensor, encoding: Encoding) -> bytes:
    """A file of one picture (3, H, W), floats in [0, 1]."""
    if encoding == "safetensors":
        return save({PIXELS: picture.detach().to("cpu", torch.float32).contiguous()})
    file = BytesIO()
    array = as_bytes(picture).movedim(0, -1).cpu().numpy()
    Image.fromarray(array).save(file, format=encoding, **_OPTIONS[encoding])
    return file.getvalue()
