"""HPSv2: which of two pictures annotators preferred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.errors import RewardError
from genrl.registry import register
from genrl.rewards.image_text import ImageText
from genrl.rewards.networks import load_preprocessing
from genrl.rewards.preprocessing import letterboxed


@register("reward", "hpsv2", needs="weights of its checkpoint")
@dataclass(frozen=True)
class Hpsv2(ImageText):
    """Human Preference Score v2 (Wu et al. 2023, arXiv:2306.09341): CLIP-H, fine-tuned on 798,000 preferences.

    The cosine of picture and prompt, as the authors' `hpsv2.score` returns it: .2 to .4, of which .01 is much. Their
    tables print 100 times as much. Pictures that are not square get black bars, as theirs do.

    A run wins it with an oily, over-detailed look, glow and saturated colours, and with lattice-like texture once it goes
    on for long. v2.0 and v2.1 are two scales, whose numbers do not compare.

    checkpoint: a folder that `python -m genrl.rewards.convert hpsv2 HPS_v2.1_compressed.pt FOLDER` makes of the authors'
        file (huggingface.co/xswu/HPSv2), or a hub id of such a folder. There is no default: they publish no safetensors.
    processor: where tokenizer and image processor are; None takes them from `checkpoint`.
    revision, device, dtype, batch_size, offload: see `genrl.rewards.pretrained.Pretrained`.
    """

    checkpoint: str = ""
    architecture: ClassVar[str] = "CLIPModel"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def check(self) -> None:
        if not self.checkpoint:
            raise RewardError(
                "hpsv2 needs its option checkpoint: download HPS_v2.1_compressed.pt from huggingface.co/xswu/HPSv2 and run "
                "`python -m genrl.rewards.convert hpsv2 HPS_v2.1_compressed.pt FOLDER`."
            )
        super().check()

    def prepared(self, pixels: Tensor) -> Tensor:
        preprocessing = load_preprocessing(*self.processing)
        assert preprocessing.crop is not None, "CLIP's processors crop"
        return preprocessing.normalised(letterboxed(pixels.float(), preprocessing.crop[0]))

    def scaled(self, network: Any, cosines: Tensor) -> Tensor:
        return cosines
