"""Ring GRPO: Neighbor GRPO whose members start on a ring around a common centre.

Explore  initial noises at even angles on a ring, every member solved by Heun's method
Credit   rewards centred in the group, rescaled by a quasi-norm
Learn    random anchors score the whole group by softmax distance, through Euler's step; clipped ratio
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from genrl import PolicyGradient, register
from genrl.advantages import QuasiNorm
from genrl.errors import ConfigError
from genrl.losses import Clipped
from genrl.selection import RandomAnchors, RandomSubset
from genrl.solvers import Euler, Heun
from genrl.surrogates import SoftmaxDistance

#: Settings of a run that suit the recipe; a user's own come on top.
RUN = {"sampling": {"steps": 6, "group_size": 12}}


@register("perturber", "ring")
@dataclass(frozen=True)
class Ring:
    """eps_i = sqrt(1 - r^2) eps* + r (u cos a_i + w sin a_i), a_i = 2 pi i / G + a random phase.

    eps*, u and w are standard normal, so each row is too, whatever its angle. Two members at angles a and b have covariance
    1 - r^2 + r^2 cos(a - b): nobody stands in the middle, and everybody has two equally close neighbours.

    radius: r. 0 gives every member the same noise, 1 leaves no common centre. Up, members and their rewards differ more; down,
        they are easier to compare.
    """

    radius: float = 0.4

    def __post_init__(self) -> None:
        if not 0.0 <= self.radius <= 1.0:
            raise ConfigError(f"ring.radius mixes two noises and must lie in [0, 1], got {self.radius}.")

    def __call__(self, size: int, shape: Sequence[int], rng: Generator) -> Tensor:
        """Noise (size, *shape), float32."""
        center, u, w = torch.randn((3, *shape), generator=rng)
        turn = torch.rand((), generator=rng) + torch.arange(size) / size
        angle = (2.0 * math.pi * turn).view(-1, *(1 for _ in shape))
        return math.sqrt(1.0 - self.radius**2) * center + self.radius * (u * angle.cos() + w * angle.sin())


@register("algorithm", "ring-grpo", run=RUN)
def ring_grpo() -> PolicyGradient:
    """Noises on a ring through Heun's ODE solver; anchors score the whole group by softmax distance."""
    return PolicyGradient(
        perturber=Ring(),
        solver=Heun(),
        train_solver=Euler(),  # a solver that asks the network twice cannot be trained through
        steps=RandomSubset(fraction=0.6),
        anchors=RandomAnchors(count=4),
        surrogate=SoftmaxDistance(tau="adaptive", old_reference="train-solver"),
        advantage=QuasiNorm(p=0.8),
        objective=Clipped(epsilon=1e-2, log_ratio_clamp=10.0),
    )
