"""What a pipeline decodes, as tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor


def makes_video(kind: type) -> bool:
    """Whether pipelines of this class make videos."""
    return bool({"num_frames", "frames"} & inspect.signature(kind.__call__).parameters.keys())  # type: ignore[operator]


def output_type_of(pipe: Any) -> str:
    """The output type whose result is post-processed to [0, 1].

    "pt" stays on the device, but pipelines in pixel space return it raw, in [-1, 1]: they have no decoder to follow.
    """
    return "pt" if pipe.components.get("vae") is not None else "np"


def differentiable(pipe: Any, finish: Callable[[str], Any], device: torch.device) -> Tensor:
    """What `finish(output type)` of a pipeline returns, as `to_tensor` of `output_type_of`, but with its gradient."""
    media = finish("pt")
    if output_type_of(pipe) == "np":
        media = pipe.image_processor.postprocess(media, output_type="pt")
    return to_tensor(media, device)


def to_tensor(media: Any, device: torch.device) -> Tensor:
    """Pipeline output to (B, 3, H, W) or (B, F, 3, H, W), float32 on `device`; arrays have their channels last."""
    if isinstance(media, list):
        media = torch.stack(media) if isinstance(media[0], Tensor) else np.stack(media)
    tensor = media if isinstance(media, Tensor) else torch.from_numpy(media).movedim(-1, -3)
    return tensor.to(device, torch.float32)
