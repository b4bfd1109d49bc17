"""How little a video changes from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.errors import RewardError
from genrl.registry import register


@register("reward", "temporal-smoothness")
@dataclass(frozen=True)
class TemporalSmoothness:
    """1 - the mean absolute difference of consecutive frames: VBench's temporal flickering (arXiv:2311.17982), in [0, 1].

    Pixels in [0, 1]; the mean is over all pixels and pairs of frames. 1 is a still picture, videos of good models score
    .95 and more.

    It cannot tell flicker from motion, so a run freezes the video. Weigh it low, beside a reward that wants motion.
    """

    media: ClassVar[str] = "tensor"
    differentiable: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    example_shape: ClassVar[tuple[int, ...]] = (5, 3, 32, 32)

    def __call__(self, prompts: list[str], completions: Tensor, **columns: Any) -> Tensor:
        if completions.ndim != 5 or completions.shape[1] < 2:
            raise RewardError(
                f"temporal-smoothness compares the frames of a video, and was given {tuple(completions.shape)}; leave it out "
                "of runs whose model makes pictures."
            )
        frames = completions.float()
        return 1 - (frames[:, 1:] - frames[:, :-1]).abs().flatten(1).mean(dim=1)
