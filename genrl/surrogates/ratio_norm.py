from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import Metrics, RolloutGroup, Step


@register("surrogate", "ratio-norm")
@dataclass(frozen=True)
class RatioNorm:
    """log rho = mean(xi (mu - mu_old)), xi = (y - mu_old) / std: GRPO-Guard (arXiv:2510.22319, ratio normalisation).

    With b = mean (mu - mu_old)^2 / (2 std^2), this is std (log pi - log pi_old + b): the Gaussian's log-ratio without its
    negative mean -b, which keeps ratios below 1 and the upper clip idle, and without the scale 1 / std, which makes the steps
    differ. Written as a product, nothing cancels. mu_old is the step from the velocity that the rollout stored, so no second
    mean has to be kept. It has no hyperparameter; the clip range is about std times that of `gaussian` and smaller still, as
    the published 2e-6 is.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    stochastic: ClassVar[bool] = True
    smallest_group: ClassVar[int] = 1

    def candidates(self, group: RolloutGroup, members: Tensor) -> Tensor:
        """(B, 1): each anchor itself."""
        return members[:, None]

    def log_ratio(self, step: Step, old: Step, group: RolloutGroup, members: Tensor, t: int) -> tuple[Tensor, Metrics]:
        """(B, 1), exactly 0 where the velocity is the stored one. ConfigError on a deterministic step."""
        if step.std <= 0.0:
            raise ConfigError("A deterministic step has no noise; train stochastic steps or set surrogate=softmax-distance.")
        kept = group.kept[t]
        noise = (kept.next_state[kept.row_of(members)] - old.mean) / step.std
        drift = step.mean - old.mean
        log_ratio = (noise * drift).flatten(1).mean(dim=1)
        metrics = {
            "log_ratio_abs_max": log_ratio.detach().abs().max(),
            "mean_drift": (drift.detach().square().flatten(1).mean(dim=1).sqrt() / step.std).mean(),
        }
        return log_ratio[:, None], metrics
