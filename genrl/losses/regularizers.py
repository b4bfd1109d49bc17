"""The published "KL" penalties of flow policies, side by side: their betas are not comparable.

With dv = mean (v - v_ref)^2 and dmu = mean (mu - mu_ref)^2 over dimensions, and Delta = sigma - sigma_next:

    kl-velocity   dv                           the same weight at every step, on deterministic steps too
    kl-mean       dmu / (2 std^2)              the KL of the two Gaussians
    kl-flow-grpo  dmu / (2 eta^2)              eta = std / sqrt(Delta): Delta times kl-mean, so about 1/T of it
    kl-old        log_ratio^2 / 2              against the policy that made the rollout, not a reference

On an Euler-Maruyama step with noise eta, kl-mean = Delta/2 (1/eta + eta (1 - s)/(2 s))^2 dv (Flow-GRPO,
arXiv:2505.05470, closed form): beta of kl-velocity times that factor is the beta that kl-mean would need. A higher
beta always holds the policy closer, at the price of slower learning; a lower one lets it drift, and with a weak reward
signal drift is what remains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import Step


def _check(beta: float) -> None:
    if not beta >= 0.0:
        raise ConfigError(f"The beta of a regularizer must not be negative, got {beta}; 0 switches it off.")


def _reference(reference: Step | None) -> Step:
    assert reference is not None, "a regularizer with needs_reference is given the reference step"
    return reference


def _mean_square(difference: Tensor) -> Tensor:
    return difference.square().flatten(1).mean(dim=1)


def gaussian_kl(step: Step, reference: Step | None) -> Tensor:
    """(B,) KL of two Gaussians with the same std, the mean over dimensions. ConfigError on a deterministic step."""
    if step.std <= 0.0:
        raise ConfigError("A deterministic step has no Gaussian KL; use the regularizer kl-velocity.")
    return _mean_square(step.mean - _reference(reference).mean) / (2.0 * step.std**2)


@register("regularizer", "kl-velocity")
@dataclass(frozen=True)
class KLVelocity:
    """beta * mean (v - v_ref)^2 against the reference weights: DiffusionNFT (arXiv:2509.16117).

    beta: up, the velocity field stays closer to the reference at every noise level alike; down, it may drift. The
        default is DiffusionNFT's.
    """

    needs_reference: ClassVar[bool] = True
    stochastic: ClassVar[bool] = False
    beta: float = 1e-4

    def __post_init__(self) -> None:
        _check(self.beta)

    def __call__(self, step: Step, reference: Step | None, sigma: float, sigma_next: float, log_ratio: Tensor) -> Tensor:
        """(B,). Both steps start at one state x = x0 + sigma v, so v - v_ref = -(x0 - x0_ref) / sigma."""
        return self.beta * _mean_square(step.x0 - _reference(reference).x0) / sigma**2


@register("regularizer", "kl-mean")
@dataclass(frozen=True)
class KLMean:
    """beta * mean (mu - mu_ref)^2 / (2 std^2), the Gaussian KL of one step: Flow-GRPO's paper (arXiv:2505.05470).

    beta: up, the transition stays closer to the reference, most of all where the noise is small; down, it may drift.
        The default pulls about as hard as `kl-flow-grpo` with its default on ten steps.
    """

    needs_reference: ClassVar[bool] = True
    stochastic: ClassVar[bool] = True
    beta: float = 0.004

    def __post_init__(self) -> None:
        _check(self.beta)

    def __call__(self, step: Step, reference: Step | None, sigma: float, sigma_next: float, log_ratio: Tensor) -> Tensor:
        """(B,). ConfigError on a deterministic step."""
        return self.beta * gaussian_kl(step, reference)


@register("regularizer", "kl-flow-grpo")
@dataclass(frozen=True)
class KLFlowGRPO:
    """beta * mean (mu - mu_ref)^2 / (2 eta^2), eta^2 = std^2 / Delta: Flow-GRPO's code (arXiv:2505.05470).

    Departure of that code from its paper: it divides by eta^2 where the variance is eta^2 Delta, so this is Delta times
    `kl-mean`.

    beta: up, the transition stays closer to the reference; down, it may drift. Published: .04 (text rendering,
        composition), .01 (preference).
    """

    needs_reference: ClassVar[bool] = True
    stochastic: ClassVar[bool] = True
    beta: float = 0.04

    def __post_init__(self) -> None:
        _check(self.beta)

    def __call__(self, step: Step, reference: Step | None, sigma: float, sigma_next: float, log_ratio: Tensor) -> Tensor:
        """(B,). ConfigError on a deterministic step."""
        return self.beta * (sigma - sigma_next) * gaussian_kl(step, reference)


@register("regularizer", "kl-old")
@dataclass(frozen=True)
class KLOld:
    """beta * log_ratio^2 / 2, the mean over candidates: MixGRPO (arXiv:2507.21802), against the policy of the rollout.

    beta: up, later updates of a rollout are pulled back to the first; it does nothing when a rollout gets one update.
        Down, only the clip holds them. The default is the reference code's; its scripts set 0.
    """

    needs_reference: ClassVar[bool] = False
    stochastic: ClassVar[bool] = False
    beta: float = 0.01

    def __post_init__(self) -> None:
        _check(self.beta)

    def __call__(self, step: Step, reference: Step | None, sigma: float, sigma_next: float, log_ratio: Tensor) -> Tensor:
        """(B,) of log_ratio (B, C)."""
        return self.beta * 0.5 * log_ratio.square().mean(dim=1)
