"""CLIPScore: does the picture show what the prompt says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.registry import register
from genrl.rewards.image_text import ImageText


@register("reward", "clip-score", needs="weights of its checkpoint")
@dataclass(frozen=True)
class ClipScore(ImageText):
    """The cosine of CLIP's picture and prompt (Radford et al. 2021, arXiv:2103.00020), in [-1, 1], in practice .1 to .4.

    CLIPScore (Hessel et al. 2021, arXiv:2104.08718) is 2.5 times as much, cut at 0, and is also printed times 100; a
    factor does not matter to advantages, and a cut would leave no gradient below it.

    CLIP reads a prompt as a bag of words: it hardly knows who stands left of whom, how many there are, or which colour
    belongs to which thing. A run wins it by writing the prompt's words into the picture and by crowding it with
    everything they remind of. Weigh it beside a reward of looks.

    processor: where tokenizer and image processor are; None takes them from `checkpoint`.
    checkpoint, revision, device, dtype, batch_size, offload: see `genrl.rewards.pretrained.Pretrained`.
    """

    checkpoint: str = "openai/clip-vit-large-patch14"
    architecture: ClassVar[str] = "CLIPModel"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def scaled(self, network: Any, cosines: Tensor) -> Tensor:
        return cosines
