"""How colourful a picture is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.registry import register
from genrl.rewards.examples import circle


@register("reward", "colorfulness")
@dataclass(frozen=True)
class Colorfulness:
    """Colourfulness M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images" (SPIE 2003).

    With rg = R - G and yb = (R + G)/2 - B over all pixels: sqrt(var rg + var yb) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2).
    Fitted to people's judgement of natural pictures; a grey picture scores 0. Here pixels are in [0, 1], so the
    paper's scale ("extremely colourful" from 109) is 255 times as large. Videos: over the pixels of all frames.

    It sees neither the prompt nor what is shown, and has no upper end that looks good: a run turns up the saturation
    until patches of pure complementary colours are left. Weigh it low beside a reward that knows the prompt.
    """

    media: ClassVar[str] = "tensor"

    def known_answers(self) -> tuple[dict[str, Any], Tensor, Tensor]:
        """Columns of a prompt, a picture that scores high and one that scores low, (3, H, W) in [0, 1]."""
        return {"prompt": "a red circle"}, circle(), circle().mean(dim=0).expand(3, -1, -1)

    def __call__(self, prompts: list[str], completions: Tensor, **columns: Any) -> list[float | None]:
        red, green, blue = completions.double().movedim(-3, 1).flatten(2).unbind(1)
        rg, yb = red - green, (red + green) / 2 - blue
        spread = (rg.var(1, correction=0) + yb.var(1, correction=0)).sqrt()
        offset = (rg.mean(1) ** 2 + yb.mean(1) ** 2).sqrt()
        return (spread + 0.3 * offset).tolist()
