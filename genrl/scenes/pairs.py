"""Pairs of drawings of which one is preferred: an offline preference data set of the embedded world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from genrl.bounds import Count
from genrl.errors import PromptError
from genrl.registry import register
from genrl.scenes.drawing import draw
from genrl.scenes.grammar import rows
from genrl.scenes.prompts import sample_prompts, train_prompts
from genrl.scenes.source import ScenesPrompts

#: Qualities of the two drawings of a pair: the one that is preferred is nearly clean, the other is poor in every way.
CHOSEN, REJECTED = (0.9, 1.0), (0.0, 0.5)


@register("prompts", "scenes-pairs")
@dataclass(frozen=True)
class ScenesPairs:
    """Training prompts with the columns "chosen" and "rejected": a clean drawing of the prompt, and a poor one that often shows
    something else. No model drew either. The held-out prompts are those of `scenes` and have no pictures.

    count: pairs; more are seen less often each.
    """

    count: Count = 1024

    def rows(self, split: str) -> list[dict[str, Any]]:
        """Rows with the columns "prompt", "chosen" and "rejected" for "train", "prompt" alone for "heldout"."""
        if split == "heldout":
            return ScenesPrompts().rows(split)
        if split != "train":
            raise PromptError(f'The scenes pairs have no split {split!r}; take "train" or "heldout".')
        rng = np.random.default_rng(0)
        prompts = sample_prompts(train_prompts(), self.count, rng)
        scenes = rows(prompts)
        chosen, rejected = (_pictures(draw(scenes, rng.uniform(*span, self.count), rng)) for span in (CHOSEN, REJECTED))
        return [
            {"prompt": prompt, "chosen": good, "rejected": bad}
            for prompt, good, bad in zip(prompts, chosen, rejected, strict=True)
        ]


def _pictures(drawn: np.ndarray) -> list[Image.Image]:
    """(N, 3, S, S) in [0, 1] -> N images."""
    return [Image.fromarray(picture) for picture in np.round(255 * drawn).astype(np.uint8).transpose(0, 2, 3, 1)]
