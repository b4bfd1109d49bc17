"""Pictures as data sets hold them, as pixels of the size that a model makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from genrl.errors import PromptError


def pixels(cell: Any, shape: Sequence[int]) -> Tensor:
    """The picture of a cell as (3, H, W), or its frames as (F, 3, H, W), float32 in [0, 1], for a `shape` of that kind.

    cell: a path (absolute, or from the working directory), a PIL image, `{"bytes", "path"}` as `datasets` stores one, or an
    array (H, W, 3) of uint8; of a video the list of its F frames or an array (F, H, W, 3). A picture of another size is scaled
    until it covers H x W and cropped in the middle. PromptError for what is no picture, cannot be read, or has other frames.
    """
    if len(shape) == 3:
        return _picture(cell, shape)
    frames = list(cell) if isinstance(cell, list | tuple) or (isinstance(cell, np.ndarray) and cell.ndim == 4) else [cell]
    if len(frames) != shape[0]:
        raise PromptError(
            f"A video of the data set has {len(frames)} frames where the model makes {shape[0]}; cut it to so many, or set "
            "model.call.num_frames."
        )
    return torch.stack([_picture(frame, shape[1:]) for frame in frames])


def opened(cell: Any) -> Image.Image:
    """The picture of a cell, read in full; PromptError as `pixels`."""
    if isinstance(cell, Mapping) and {"bytes", "path"} <= cell.keys():
        cell = cell["path"] if cell["bytes"] is None else BytesIO(cell["bytes"])
    if isinstance(cell, np.ndarray) and cell.dtype == np.uint8 and cell.ndim == 3:
        return Image.fromarray(cell)
    if not isinstance(cell, Image.Image | str | Path | BytesIO):
        raise PromptError(
            f"{type(cell).__name__} {str(cell)[:60]!r} is no picture; a cell holds a path, a picture, or a list of pictures, "
            "which are the frames of a video."
        )
    name = "A picture" if isinstance(cell, Image.Image | BytesIO) else f"The picture {str(cell)!r}"
    try:
        picture = cell if isinstance(cell, Image.Image) else Image.open(cell)
        picture.load()
    except OSError as error:
        raise PromptError(f"{name} cannot be read ({error}; paths count from {Path.cwd()}); mend it or its row.") from error
    return picture


def _picture(cell: Any, shape: Sequence[int]) -> Tensor:
    _, height, width = shape
    fitted = ImageOps.fit(opened(cell).convert("RGB"), (width, height), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(fitted).copy()).movedim(-1, 0).float() / 255
