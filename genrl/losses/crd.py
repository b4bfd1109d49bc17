from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from genrl.bounds import Positive
from genrl.losses.matching import adaptive_error, mean_square, optimality
from genrl.registry import register
from genrl.types import Answers, Metrics


@register("matching-loss", "crd")
@dataclass(frozen=True)
class CRD:
    """The policy's implicit reward is fitted to the given one, both centred in the group (CRD, arXiv:2603.14128).

    q = l_old - l, R = clip(A / (2 advantage_clip) + 1/2, 0, 1), and the loss advantage_clip / b mean (b (q - q') - (R - R'))^2,
    where q' and R' are means over the group, q' without gradient. The unknown constant of a prompt cancels. Asks for "old".

    beta: b, how much implicit reward a unit of reward is worth. Up, the same reward moves the policy less.
    advantage_clip: the advantage at which a sample counts as wholly good. Up, all R are nearer to 1/2.
    adaptive: l is mean (v - target)^2 over its own root-like scale, mean |v - target|, so samples weigh about alike; False
        takes l itself.
    fit: "mse", or "bce" for the cross-entropy of b (q - q') with sigmoid(R - R').
    temperature: None centres on plain means. A number centres twice, on means weighted by softmax(R / temperature) and by
        softmax(-R / temperature), and averages the two losses: down, samples are compared with the best and the worst.
    """

    beta: Positive = 1.0
    advantage_clip: Positive = 5.0
    adaptive: bool = True
    fit: Literal["mse", "bce"] = "mse"
    temperature: Positive | None = None

    compares: ClassVar[Literal["nothing", "pair", "group"]] = "group"
    weight_sets: ClassVar[frozenset[str]] = frozenset({"old"})

    def __call__(self, answers: Answers, advantage: Tensor) -> tuple[Tensor, Metrics]:
        """The mean over the (B,) rows of one group at one draw; how well implicit and given rewards agree."""
        error = adaptive_error if self.adaptive else mean_square
        implicit = error(answers.under["old"] - answers.target) - error(answers.velocity - answers.target)
        given = optimality(advantage, self.advantage_clip)
        sharpness = (0.0,) if self.temperature is None else (1.0 / self.temperature, -1.0 / self.temperature)
        losses = [self._centred(implicit, given, torch.softmax(s * given, dim=0)) for s in sharpness]
        spread = implicit.detach() - implicit.detach().mean()
        metrics = {"implicit_reward/std": spread.square().mean().sqrt()}
        return self.advantage_clip / self.beta * torch.stack(losses).mean(), metrics

    def _centred(self, implicit: Tensor, given: Tensor, weights: Tensor) -> Tensor:
        """The fit around means with these weights (B,)."""
        logits = self.beta * (implicit - (weights * implicit).sum().detach())
        target = given - (weights * given).sum()
        if self.fit == "bce":
            return binary_cross_entropy_with_logits(logits, target.sigmoid())
        return (logits - target).square().mean()
