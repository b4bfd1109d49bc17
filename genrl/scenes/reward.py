"""The scenes reward: what the prompt asks for, well rendered; and the strict verdict beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genrl.registry import register
from genrl.scenes.drawing import draw
from genrl.scenes.grammar import rows
from genrl.scenes.scorer import score

#: The column of prompts that says in the grammar's words what a request in other words asks for, where there is one.
Truth = Sequence[str | None] | None


def _wanted(prompts: list[str], scene: Truth) -> list[str]:
    """What each picture has to show: its scene, else its prompt itself."""
    return [truth or prompt for prompt, truth in zip(prompts, scene or [None] * len(prompts), strict=True)]


def _tensor(completions: Tensor | Sequence[Image.Image]) -> Tensor:
    """Pictures as float ``(N, 3, H, W)`` in [0, 1] on the CPU."""
    if isinstance(completions, Tensor):
        return completions.detach().float().cpu()
    arrays = [np.asarray(picture.convert("RGB"), np.float32) / 255 for picture in completions]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)


def scenes_metrics(prompts: list[str], images: Tensor | Sequence[Image.Image]) -> dict[str, list[float]]:
    """``correctness`` and ``quality`` in [0, 1] and ``strict`` (0 or 1) of each picture, against its own prompt.

    images: float tensor ``(N, 3, 32, 32)`` in [0, 1], or N PIL images of that size.
    """
    scores = score(prompts, _tensor(images))
    return {
        "correctness": scores.correctness.tolist(),
        "quality": scores.quality.tolist(),
        "strict": scores.strict.tolist(),
    }


@register("reward", "scenes")
@dataclass(frozen=True)
class ScenesReward:
    """Weighted sum of two exact measurements of a scene picture; with the default weights it lies in [0, 1].

    What a picture has to show is the column ``scene`` of its prompt, a sentence of the grammar, else the prompt itself.

    correctness: weight of showing what the prompt asks for, with partial credit. Higher makes runs care for colours,
        counts, shapes and places; alone, it leaves pictures as poorly drawn as the base model's.
    quality: weight of rendering: palette colours, crisp edges, a flat ground. Higher makes runs clean pictures up
        sooner; alone, it is blind to the prompt.
    """

    correctness: float = 0.6
    quality: float = 0.4
    media: ClassVar[str] = "tensor"
    example_shape: ClassVar[tuple[int, ...]] = (3, 32, 32)

    def __call__(
        self, prompts: list[str], completions: Tensor | Sequence[Image.Image], scene: Truth = None, **columns: Any
    ) -> list[float]:
        scores = score(_wanted(prompts, scene), _tensor(completions))
        return (self.correctness * scores.correctness + self.quality * scores.quality).tolist()

    def known_answers(self) -> tuple[dict[str, Any], Tensor, Tensor]:
        """Columns of a prompt, a picture of it and a picture of another prompt, (3, 32, 32) in [0, 1], both cleanly drawn."""
        asked, other = "a red circle", "two blue squares"
        good, bad = torch.from_numpy(draw(rows([asked, other]), np.ones(2), np.random.default_rng(0)))
        return {"prompt": asked}, good, bad

    def metrics(
        self, prompts: list[str], completions: Tensor | Sequence[Image.Image], scene: Truth = None, **columns: Any
    ) -> dict[str, list[float]]:
        """The two parts of the reward, and ``strict``, which no run is trained on: see :func:`scenes_metrics`."""
        return scenes_metrics(_wanted(prompts, scene), completions)
