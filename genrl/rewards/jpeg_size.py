"""How many bits a picture takes as a JPEG file."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image
from torch import Tensor

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.rewards.examples import circle, noise
from genrl.rewards.media import frames


@register("reward", "jpeg-size")
@dataclass(frozen=True)
class JpegSize:
    """Compressibility: minus the JPEG bits per pixel (Black et al. 2023, DDPO, arXiv:2305.13301, section 5.1).

    It needs no model and no prompt, so it tells whether a run learns anything at all. It measures nothing that people
    like, and is won by throwing the subject away: compressible pictures end as flat, blurred ground, incompressible
    ones as noise. The paper counts kilobytes of the file; bits per pixel can be compared between resolutions (the
    file's header, a few hundred bytes, is a constant that no advantage sees). Videos: the mean over their frames.

    quality: JPEG quality, 1 to 95. Higher makes fine noise and texture cost more; lower leaves only coarse structure to
    count. The authors' code takes 95.
    compressible: True rewards small files, False large ones (the paper's incompressibility).
    """

    quality: int = 85
    compressible: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 95:
            raise ConfigError(f"jpeg-size has quality {self.quality}; JPEG knows 1 to 95.")

    def known_answers(self) -> tuple[dict[str, Any], Tensor, Tensor]:
        """Columns of a prompt, a picture that scores high and one that scores low, (3, H, W) in [0, 1]."""
        small, large = circle(), noise()
        return {"prompt": "a red circle"}, *((small, large) if self.compressible else (large, small))

    def __call__(self, prompts: list[str], completions: Any, **columns: Any) -> list[float | None]:
        sign = -1 if self.compressible else 1
        return [sign * self._mean_bits(frames(completion)) for completion in completions]

    def _mean_bits(self, pictures: list[Image.Image]) -> float:
        return sum(map(self._bits_per_pixel, pictures)) / len(pictures)

    def _bits_per_pixel(self, picture: Image.Image) -> float:
        file = BytesIO()
        picture.save(file, format="JPEG", quality=self.quality)
        return 8 * file.tell() / (picture.width * picture.height)
