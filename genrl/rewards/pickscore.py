"""PickScore: which of two pictures people on the web picked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.bounds import Positive
from genrl.registry import register
from genrl.rewards.image_text import ImageText


@register("reward", "pickscore", needs="weights of its checkpoint")
@dataclass(frozen=True)
class PickScore(ImageText):
    """PickScore (Kirstain et al. 2023, "Pick-a-Pic", arXiv:2305.01569): CLIP-H, fine-tuned on half a million choices of users.

    The learnt scale (about 100) times the cosine of picture and prompt. Pictures of good models score 20 to 24, and 1 more
    is much: the paper turns a difference d into the odds e^d of being picked.

    A run wins it with saturated colours, sharp contrast, a centred subject and glossy light, whatever the style asked for,
    and with the same composition for every seed. Watch a diversity (`dino-diversity`) and a reward that is not trained on.

    divisor: scores are divided by it; 1 is the published scale, 26 brings them near [0, 1] (Flow-GRPO's choice) beside
        rewards of that range. Higher weighs it less in a sum that is taken before it is normalised.
    processor: where tokenizer and image processor are, those of the CLIP-H that it was made from; None takes `checkpoint`.
    checkpoint, revision, device, dtype, batch_size, offload: see `genrl.rewards.pretrained.Pretrained`.
    """

    checkpoint: str = "yuvalkirstain/PickScore_v1"
    processor: str | None = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
    divisor: Positive = 1.0
    architecture: ClassVar[str] = "CLIPModel"

    def scaled(self, network: Any, cosines: Tensor) -> Tensor:
        return network.logit_scale.exp() * cosines / self.divisor
