from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import Metrics


@register("ratio-loss", "clipped")
@dataclass(frozen=True)
class Clipped:
    """The clipped policy objective: max(-A r, -A clip(r, 1 - epsilon, 1 + epsilon_high)), r = exp(log-ratio).

    PPO's, as DanceGRPO (arXiv:2505.07818), MixGRPO (arXiv:2507.21802), Flow-GRPO (arXiv:2505.05470) and Neighbor GRPO
    (arXiv:2511.16955) use it. At r = 1 both branches tie and the gradient is exactly -A grad log r.

    epsilon: how far a ratio may go before its term stops pushing. Up, a rollout can be used for more or larger
        updates, with less to hold the policy; down, terms are masked earlier. It has to match the scale of the
        log-ratio: 1e-4 fits a mean over dimensions.
    epsilon_high: the upper side alone; None takes epsilon. Larger than epsilon lets good samples gain more than bad
        ones lose.
    advantage_clip: advantages are cut to [-clip, clip] first. Down, one outlier rules an update less; up or None, more.
    log_ratio_clamp: bounds |log r|; a term beyond it has no gradient. Nothing else bounds r when A < 0. Down, large
        steps are cut off earlier; up or None, one term can blow up an update. 10 suits softmax-distance at tau = 1.
    """

    epsilon: float = 1e-4
    epsilon_high: float | None = None
    advantage_clip: float | None = 5.0
    log_ratio_clamp: float | None = None

    def __post_init__(self) -> None:
        for name in ("epsilon", "epsilon_high", "advantage_clip", "log_ratio_clamp"):
            value = getattr(self, name)
            if value is not None and not value > 0.0:
                raise ConfigError(f"objective.{name} must be greater than 0, got {value}.")

    def __call__(self, log_ratio: Tensor, advantage: Tensor, divergence: Tensor | None = None) -> tuple[Tensor, Metrics]:
        """(B, C), (B, C) -> mean over anchors of the sum over candidates, and metrics under TRL's names.

        clip_ratio/low_mean and high_mean are the shares of terms that the clip masks on that side, region_mean is
        their sum.
        """
        low, high = 1.0 - self.epsilon, 1.0 + (self.epsilon if self.epsilon_high is None else self.epsilon_high)
        if self.advantage_clip is not None:
            advantage = advantage.clamp(-self.advantage_clip, self.advantage_clip)
        metrics: Metrics = {}
        if self.log_ratio_clamp is not None:
            metrics["clip_ratio/clamp_mean"] = _share(log_ratio.abs() > self.log_ratio_clamp)
            log_ratio = log_ratio.clamp(-self.log_ratio_clamp, self.log_ratio_clamp)
        ratio = log_ratio.exp()
        terms = torch.maximum(-advantage * ratio, -advantage * ratio.clamp(low, high))

        masked_low, masked_high = (ratio < low) & (advantage < 0.0), (ratio > high) & (advantage > 0.0)
        metrics["clip_ratio/low_mean"] = _share(masked_low)
        metrics["clip_ratio/high_mean"] = _share(masked_high)
        metrics["clip_ratio/region_mean"] = _share(masked_low | masked_high)
        metrics["ratio_mean"] = ratio.detach().mean().float()
        return terms.sum(dim=1).mean(), metrics


def _share(mask: Tensor) -> Tensor:
    return mask.float().mean()
