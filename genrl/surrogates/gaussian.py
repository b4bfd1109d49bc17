from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import Metrics, RolloutGroup, Step, take


def gaussian_log_prob(x: Tensor, mean: Tensor, std: float) -> Tensor:
    """(B,) log-density of `x` (B, *L) under N(mean, std^2 I), the MEAN over dimensions, in float32 or better.

    The one function that scores in rollout and learning, so the log-ratio of unchanged weights is exactly 0. The mean
    instead of the sum is what every published code takes; the joint log-density is D times larger. ConfigError if std
    is 0.
    """
    if std <= 0.0:
        raise ConfigError("A deterministic step has no density; train stochastic steps or set surrogate=softmax-distance.")
    dtype = torch.promote_types(mean.dtype, torch.float32)
    squares = (x.to(dtype) - mean.to(dtype)).square().flatten(1).mean(dim=1)
    return -squares / (2.0 * std**2) - (math.log(std) + 0.5 * math.log(2.0 * math.pi))


@register("surrogate", "gaussian")
@dataclass(frozen=True)
class Gaussian:
    """The transition density of a stochastic step; each member scores its own next state, C = 1.

    pi(y | x) = N(y; mean, std^2 I), supplement of Neighbor GRPO (arXiv:2511.16955) eqs. 4 and 5; used by DanceGRPO
    (arXiv:2505.07818), MixGRPO (arXiv:2507.21802) and Flow-GRPO (arXiv:2505.05470). It has no hyperparameter: the
    solver's noise level sets how sharp it is.

    Departure: CPS steps are scored with the same density, where the reference code drops 1/(2 std^2).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"log_prob"})
    stochastic: ClassVar[bool] = True
    smallest_group: ClassVar[int] = 1

    def candidates(self, group: RolloutGroup, members: Tensor) -> Tensor:
        """(B, 1): each anchor itself."""
        return members[:, None]

    def log_ratio(self, step: Step, old: Step, group: RolloutGroup, members: Tensor, t: int) -> tuple[Tensor, Metrics]:
        """(B, 1) log pi_theta - log pi_old of the stored next states; pi_old is what the rollout stored."""
        kept = group.kept[t]
        assert kept.log_prob is not None, "the rollout keeps what `needs` names"
        rows = kept.row_of(members)
        log_ratio = gaussian_log_prob(take(kept.next_state, rows), step.mean, step.std) - take(kept.log_prob, rows)
        metrics = {
            "drift_residual": _drift_residual(step, old, group.plan.sigmas[t]),
            "log_ratio_abs_max": log_ratio.detach().abs().max(),
        }
        return log_ratio[:, None], metrics


def _drift_residual(step: Step, old: Step, sigma: float) -> Tensor:
    """Root mean square over dimensions of o_t = std^2 / (2 s) (eps_theta - eps_old), supplement eq. 13; mean over rows.

    At one state x = (1 - s) x0 + s eps, so eps_theta - eps_old = -(1 - s)/s (x0_theta - x0_old).
    """
    scale = step.std**2 / (2.0 * sigma) * (1.0 - sigma) / sigma
    return scale * (step.x0 - old.x0).detach().square().flatten(1).mean(dim=1).sqrt().mean()
