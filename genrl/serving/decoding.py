"""Pictures from the files of a stranger."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Sequence
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from genrl.rewards.remote.wire import Sample, ScoreRequest
from genrl.rewards.transport.pictures import PIXELS
from genrl.serving.limits import Refused

#: The modes that a file may have; the others (palettes, 16 bits, CMYK) are no picture that a client of ours sends.
MODES = ("RGB", "L", "RGBA")


def pixels_of(request: ScoreRequest, max_pixels: int) -> Tensor:
    """The pictures (B, 3, H, W) or videos (B, F, 3, H, W) of a request, float32 in [0, 1]; Refused for anything else."""
    budget = Budget(max_pixels)
    found = [_sample(sample, request.encoding, budget) for sample in request.samples]
    if len({tuple(sample.shape) for sample in found}) > 1:
        raise Refused(422, "The pictures of one request must have one size; send others in a request of their own.")
    return torch.stack(found)


class Budget:
    """The pixels that a request may still unpack."""

    def __init__(self, pixels: int) -> None:
        self.all = self.left = pixels

    def take(self, width: int, height: int) -> None:
        self.left -= width * height
        if self.left < 0:
            raise Refused(413, f"The pictures hold more than {self.all} pixels; send fewer or smaller ones.")


def _sample(sample: Sample, encoding: str, budget: Budget) -> Tensor:
    if sample.image is not None:
        return _picture(sample.image, encoding, budget)
    frames: Sequence[str] = sample.frames or ()
    found = [_picture(frame, encoding, budget) for frame in frames]
    if len({tuple(frame.shape) for frame in found}) > 1:
        raise Refused(422, "The frames of a video must have one size.")
    return torch.stack(found)


def _picture(text: str, encoding: str, budget: Budget) -> Tensor:
    try:
        file = b64decode(text, validate=True)
    except binascii.Error as error:
        raise Refused(422, f"A picture is no base64 ({error}).") from None
    return _tensor(file, budget) if encoding == "safetensors" else _image(file, encoding, budget)


def _image(file: bytes, encoding: str, budget: Budget) -> Tensor:
    try:
        with Image.open(BytesIO(file), formats=[encoding.upper()]) as image:  # reads the header alone
            budget.take(*image.size)
            if image.mode not in MODES:
                raise Refused(422, f"A picture has the mode {image.mode}; send RGB.")
            array = np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # The first is what Pillow raises for damage of every kind, the others come from single formats.
        raise Refused(422, f"A picture is no readable {encoding} file ({error}).") from None
    return torch.from_numpy(array.copy()).movedim(-1, 0).float() / 255


def _tensor(file: bytes, budget: Budget) -> Tensor:
    try:
        found = load(file)
    except (SafetensorError, ValueError, KeyError) as error:
        raise Refused(422, f"A picture is no readable safetensors file ({error}).") from None
    pixels = found.get(PIXELS)
    if pixels is None or pixels.ndim != 3 or pixels.shape[0] != 3 or not pixels.is_floating_point() or not pixels.numel():
        raise Refused(422, f"A safetensors file must hold {PIXELS!r}, floats of shape (3, H, W).")
    budget.take(*pixels.shape[1:])
    pixels = pixels.float()
    if not bool(((pixels >= 0) & (pixels <= 1)).all()):
        raise Refused(422, f"{PIXELS!r} must lie in [0, 1].")
    return pixels
