"""SigLIP's score: does the picture belong to the prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.registry import register
from genrl.rewards.image_text import ImageText


@register("reward", "siglip-score", needs="weights of its checkpoint")
@dataclass(frozen=True)
class SiglipScore(ImageText):
    """The logit that picture and prompt are a pair (Zhai et al. 2023, arXiv:2303.15343; SigLIP 2, arXiv:2502.14786).

    scale * cosine + bias, both learnt. Its sigmoid is the published probability, which is close to 0 or 1 for most
    pictures and so tells the members of a group badly apart; the logit keeps their order and distance.

    Trained on pairs alone, so it says nothing of looks. It reads more of a prompt than CLIP does, and is won the same
    way: by written words and by crowding in everything the prompt reminds of.

    processor: where tokenizer and image processor are; None takes them from `checkpoint`. The tokenizers of the first
        SigLIP need the package sentencepiece, those of SigLIP 2 do not.
    checkpoint, revision, device, dtype, batch_size, offload: see `genrl.rewards.pretrained.Pretrained`.
    """

    checkpoint: str = "google/siglip2-so400m-patch14-384"
    architecture: ClassVar[str] = "SiglipModel"

    def scaled(self, network: Any, cosines: Tensor) -> Tensor:
        return network.logit_scale.exp() * cosines + network.logit_bias

    def worded(self, prompts: list[str]) -> list[str]:
        """In lower case, as all of its training texts were."""
        return [prompt.lower() for prompt in prompts]
