from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import Metrics


@register("ratio-loss", "divergence-mask")
@dataclass(frozen=True)
class DivergenceMask:
    """-A r, without gradient where a step is far from the rollout's and the ratio went the way its advantage wants.

    Flow-DPPO (arXiv:2606.11025, eqs. 14 and 18). A ratio is one noisy sample of how far the policy moved; two steps with one
    std have an exact divergence, mean (mu - mu_old)^2 / (2 std^2), which says the same of every sample of the step. A term is
    masked where that reaches `threshold` and A > 0, r > 1 or A < 0, r < 1; what leads back is never masked.

    threshold: the divergence, a mean over dimensions, up to which every term pushes. Up, a rollout can be used for more or
        larger updates, with less to hold the policy; down, terms are masked earlier.
    advantage_clip: advantages are cut to [-clip, clip] first. Down, one outlier rules an update less; up or None, more.
    """

    threshold: float = 1e-5
    advantage_clip: float | None = 5.0

    def __post_init__(self) -> None:
        for name in ("threshold", "advantage_clip"):
            value = getattr(self, name)
            if value is not None and not value > 0.0:
                raise ConfigError(f"objective.{name} must be greater than 0, got {value}.")

    def __call__(self, log_ratio: Tensor, advantage: Tensor, divergence: Tensor | None = None) -> tuple[Tensor, Metrics]:
        """(B, C), (B, C), (B,) -> mean over anchors of the sum over candidates, and metrics as `clipped` names them."""
        if divergence is None:
            raise ConfigError("divergence-mask needs steps with noise, of which divergences are known; set objective=clipped.")
        if self.advantage_clip is not None:
            advantage = advantage.clamp(-self.advantage_clip, self.advantage_clip)
        ratio, far = log_ratio.exp(), (divergence >= self.threshold)[:, None]
        masked_low, masked_high = far & (ratio < 1.0) & (advantage < 0.0), far & (ratio > 1.0) & (advantage > 0.0)
        terms = torch.where(masked_low | masked_high, 0.0, -advantage * ratio)
        metrics: Metrics = {
            "clip_ratio/low_mean": masked_low.float().mean(),
            "clip_ratio/high_mean": masked_high.float().mean(),
            "clip_ratio/region_mean": (masked_low | masked_high).float().mean(),
            "ratio_mean": ratio.detach().mean().float(),
            "divergence": divergence.mean().float(),
        }
        return terms.sum(dim=1).mean(), metrics
