from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from genrl.errors import ConfigError
from genrl.registry import register
from genrl.types import Metrics, RolloutGroup, Step


@register("surrogate", "softmax-distance")
@dataclass(frozen=True)
class SoftmaxDistance:
    """The leaping policy pi_i = softmax_i(-|y_i - z|^2 / tau) of Neighbor GRPO (arXiv:2511.16955, Algorithm 1; eq. 19).

    z is the anchor's train-solver step, the only path of the gradient; the candidates y_i are the stored next states
    of the whole group, C = G. With delta = z - z_old and any common point c, |z|^2 cancels and the log-ratio is

        a_i - log sum_k pi_old,k exp(a_k),    a_i = (2 / tau) <y_i - c, delta>

    The printed form is a difference of two distances near 2 sigma^2 D (23,000 for FLUX) and loses everything in
    float32; this one needs no distance to z. It is computed in float64, which autocast leaves alone.

    tau: temperature. Up, pi is flatter, log-ratios are smaller and a given clip range holds the policy less; down, the
        anchor takes all the mass and one update can clip or blow up most terms. With one update for each rollout it
        only rescales the gradient. "paper" is 1: clip near .2 and clamp the log-ratio. "mean" is D: clip near 1e-3.
        "adaptive" is dbar^2 / ln(G - 1) with dbar^2 the anchor's mean squared distance to the others, which puts about
        half of pi_old on the anchor: clip near 1e-2. (ln 2 stands in for ln(G - 1) when G = 2, where the rule asks for
        an infinite temperature.)
    old_reference: z_old, where pi_old is evaluated. "train-solver" is the train solver's step from the velocity that
        the rollout stored: ratio exactly 1 at unchanged weights, whatever solved the rollout. "stored" is the anchor's
        own next state, as printed; when the rollout solver is not the train solver, the ratio starts away from 1.
        "detach" is z without gradient: ratio 1 always, sound only for one update for each rollout.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    stochastic: ClassVar[bool] = False
    smallest_group: ClassVar[int] = 2

    tau: float | Literal["paper", "mean", "adaptive"] = "paper"
    old_reference: Literal["stored", "train-solver", "detach"] = "train-solver"

    def __post_init__(self) -> None:
        if not isinstance(self.tau, str) and not 0.0 < self.tau < math.inf:
            raise ConfigError(f"surrogate.tau must be a positive number, paper, mean or adaptive, got {self.tau}.")

    def candidates(self, group: RolloutGroup, members: Tensor) -> Tensor:
        """(B, G): the whole group for each anchor. ConfigError if members train different steps."""
        if group.plan.trained.ndim != 1:
            raise ConfigError("softmax-distance compares members at the same step; set steps.per_member=false.")
        return torch.arange(group.size, device=members.device).expand(len(members), -1)

    def log_ratio(self, step: Step, old: Step, group: RolloutGroup, members: Tensor, t: int) -> tuple[Tensor, Metrics]:
        """(B, G) log pi_theta - log pi_old, float64. `members` are rows of the group, as every member is kept."""
        self.candidates(group, members)
        members = members.to(step.mean.device, non_blocking=True)
        y_G = group.kept[t].next_state.flatten(1)
        z_BD = step.mean.flatten(1)
        z_old_BD = {"train-solver": old.mean.flatten(1), "stored": y_G[members], "detach": z_BD.detach()}[self.old_reference]

        # c = y_0 rather than the mean, because equal candidates then have differences of exactly 0.
        diff_GD = y_G.double() - y_G[0].double()
        delta_BD = z_BD - z_old_BD
        gram_GG = diff_GD @ diff_GD.T
        tau_B1 = self._temperature(gram_GG, members, dimensions=y_G.shape[1])

        a_BG = delta_BD.double() @ diff_GD.T * (2.0 / tau_B1)
        # -|y_i - z_old|^2 without the part that all candidates share.
        shift_BD = z_old_BD.double() - y_G[0].double()
        log_old_BG = torch.log_softmax((2.0 * shift_BD @ diff_GD.T - gram_GG.diagonal()) / tau_B1, dim=1)
        log_ratio_BG = a_BG - torch.logsumexp(log_old_BG + a_BG, dim=1, keepdim=True)
        return log_ratio_BG, _metrics(log_ratio_BG, log_old_BG, delta_BD, members)

    def _temperature(self, gram_GG: Tensor, members: Tensor, dimensions: int) -> Tensor:
        """(B, 1), constant in the policy: it is computed from the candidates alone."""
        size = len(gram_GG)
        if self.tau == "adaptive":
            norms_G = gram_GG.diagonal()
            squared_BG = norms_G[members][:, None] + norms_G - 2.0 * gram_GG[members]
            tau_B1 = squared_BG.clamp_min(0.0).sum(dim=1, keepdim=True) / (size - 1) / math.log(max(size - 1, 2))
            # Equal candidates have no scale; any temperature gives them the same, uniform policy.
            return torch.where(tau_B1 > 0.0, tau_B1, torch.ones_like(tau_B1))
        tau = {"paper": 1.0, "mean": float(dimensions)}[self.tau] if isinstance(self.tau, str) else self.tau
        return gram_GG.new_full((len(members), 1), tau)


def _metrics(log_ratio_BG: Tensor, log_old_BG: Tensor, delta_BD: Tensor, members: Tensor) -> Metrics:
    """The mass of pi_old on the anchor, the largest log-ratio, the root mean square (over dimensions) of delta."""
    on_anchor_B = log_old_BG.detach().gather(1, members[:, None]).exp()
    return {
        "pi_old_anchor": on_anchor_B.mean().float(),
        "log_ratio_abs_max": log_ratio_BG.detach().abs().max().float(),
        "anchor_drift": delta_BD.detach().square().mean(dim=1).sqrt().mean(),
    }
