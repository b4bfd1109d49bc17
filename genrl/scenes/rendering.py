"""The rendering quality alone as a reward with a gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from genrl.errors import RewardError
from genrl.registry import register
from genrl.scenes.drawing import draw
from genrl.scenes.grammar import rows
from genrl.scenes.placement import SIZE
from genrl.scenes.quality import rendering_quality


@register("reward", "scenes-quality")
@dataclass(frozen=True)
class ScenesQuality:
    """The ``quality`` of the reward ``scenes``, in [0, 1]: palette colours, crisp edges, a flat ground, whatever is shown.

    It has a gradient in the pixels, which correctness has not, since that counts the objects it finds. It does not know the
    prompt: a run that is trained on it alone forgets what was asked for once that is in the way. Watch ``scenes`` beside it.
    """

    media: ClassVar[str] = "tensor"
    differentiable: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    example_shape: ClassVar[tuple[int, ...]] = (3, SIZE, SIZE)

    def __call__(self, prompts: list[str], completions: Tensor, **columns: Any) -> Tensor:
        if completions.shape[1:] != self.example_shape:
            raise RewardError(
                f"scenes-quality judges {SIZE} x {SIZE} pictures, not {tuple(completions.shape[1:])}; sample at "
                f"height=width={SIZE}."
            )
        return rendering_quality(completions.float())

    def known_answers(self) -> tuple[dict[str, Any], Tensor, Tensor]:
        """Columns of a prompt, a clean and a poor drawing of it, (3, 32, 32) in [0, 1]."""
        asked = "a red circle"
        good, bad = torch.from_numpy(draw(rows([asked, asked]), np.array([1.0, 0.0]), np.random.default_rng(0)))
        return {"prompt": asked}, good, bad
