"""How sharp a picture is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from genrl.registry import register
from genrl.rewards.examples import circle

#: Red, green and blue in grey by ITU-R BT.601, as PIL and OpenCV weigh them.
LUMA = (0.299, 0.587, 0.114)


@register("reward", "sharpness")
@dataclass(frozen=True)
class Sharpness:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy"), in [0, 1].

    Over the inner pixels of the grey picture, of the sum of the 4 neighbours minus 4 times the pixel, divided by 16: its
    value for a chessboard of black and white pixels. OpenCV's number for bytes is 16 * 255^2 times as large, so its customary
    threshold of blur, 100, is 1e-4 here. Videos: the mean over their frames. Only pictures of one resolution compare.

    It measures fine contrast, of which noise has more than any photograph: a run ends in grain, hard outlines and halos.
    Give it a small weight against a run that blurs, or weight 0 to watch for grain.
    """

    media: ClassVar[str] = "tensor"
    differentiable: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def known_answers(self) -> tuple[dict[str, Any], Tensor, Tensor]:
        """Columns of a prompt, a picture that scores high and one that scores low, (3, H, W) in [0, 1]."""
        blurred = avg_pool2d(circle()[None], kernel_size=9, stride=1, padding=4, count_include_pad=False)[0]
        return {"prompt": "a red circle"}, circle(), blurred

    def __call__(self, prompts: list[str], completions: Tensor, **columns: Any) -> Tensor:
        luma = torch.tensor(LUMA, device=completions.device)[:, None, None]
        grey = (completions.float() * luma).sum(dim=-3)
        inner = grey[..., 1:-1, 1:-1]
        around = grey[..., :-2, 1:-1] + grey[..., 2:, 1:-1] + grey[..., 1:-1, :-2] + grey[..., 1:-1, 2:]
        variance = (around - 4 * inner).flatten(-2).var(dim=-1, correction=0)
        return variance.flatten(1).mean(dim=1) / 16 if variance.ndim == 2 else variance / 16
