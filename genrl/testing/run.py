"""Explore, score, credit, learn on the toy model: the trainer's loop without the trainer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genrl.policy import WeightedPolicy
from genrl.protocols import Algorithm
from genrl.randomness import Randomness
from genrl.rollout import walk
from genrl.solvers import Euler
from genrl.testing.toy import SHAPE, ToyModel
from genrl.types import Metrics, Prompt, RolloutGroup, Sampling, StepPlan, Unit

TEXTS = ("a red circle", "two blue squares")
#: Rows in one forward-backward, fewer than an update has.
ROWS = 16
LEARNING_RATE = 0.05


class ToyRun:
    """An algorithm at work on the toy model, at the default `Sampling`; the reward of a picture is its brightness."""

    def __init__(self, algorithm: Algorithm, seed: int = 0, sampling: Sampling | None = None) -> None:
        given = Sampling(group_size=len(algorithm.reads)) if algorithm.reads else Sampling()
        self.algorithm, self.sampling = algorithm, sampling or given
        self.rng = Randomness((seed, "toy"))
        self.policy = WeightedPolicy(ToyModel(seed), algorithm.weight_sets)
        self.policy.rate = lambda latents, prompts: (brightness(self.policy.decode(latents)), {})
        self.updates_made = 0
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=LEARNING_RATE)

    def plan(self, k: int) -> StepPlan:
        sigmas = self.policy.model.sigmas(self.sampling.steps)
        return self.algorithm.plan(k, sigmas, self.sampling, self.rng.fold(k))

    def explore(self, k: int, only: int | None = None) -> list[RolloutGroup]:
        """The groups of iteration k, or the one of its prompt number `only`, without advantages."""
        prompts = [self.prompt(k * len(TEXTS) + i, text) for i, text in enumerate(TEXTS) if only in (None, i)]
        self.policy.encode([prompt.text for prompt in prompts])
        plan = self.plan(k)
        with torch.no_grad(), self.policy.acting(plan.weights):
            return self.algorithm.rollout(self.policy, prompts, plan, self.sampling, self.rng.fold(k))

    def prompt(self, index: int, text: str) -> Prompt:
        """With a bright picture in the first column that the algorithm reads, and darker ones in the others."""
        drawn = torch.rand(2, 2, 3, generator=self.rng.generator("picture", index))
        shades = [(255 * (0.5 * drawn + 0.5 / 2**place)).clamp(0, 255) for place in range(len(self.algorithm.reads))]
        pictures = [shade.to(torch.uint8).numpy() for shade in shades]
        return Prompt(text, dict(zip(self.algorithm.reads, pictures, strict=True)), index)

    def credit(self, groups: Sequence[RolloutGroup]) -> None:
        if self.algorithm.advantage is None:
            return
        finals = torch.cat([group.final for group in groups])
        rewards = brightness(self.policy.decode(finals)).view(1, len(groups), -1).double()
        advantages = self.algorithm.advantage(rewards, torch.ones(1, dtype=torch.float64), groups[0].plan)
        for group, advantage in zip(groups, advantages, strict=True):
            group.advantages = advantage

    def updates(self, k: int, groups: Sequence[RolloutGroup], rows: int = ROWS) -> list[list[Unit]]:
        return [list(units) for units in self.algorithm.updates(groups, rows, self.rng.fold(k))]

    def backward(self, units: Sequence[Unit]) -> Metrics:
        """Leave the gradient of one optimizer step in the parameters; the metrics of its last unit."""
        self.optimizer.zero_grad()
        total = sum(unit.weight for unit in units)
        metrics: Metrics = {}
        for unit in units:
            loss, metrics = self.algorithm.loss(self.policy, unit)
            (loss * (unit.weight / total)).backward()
        return metrics

    def gradient(self) -> Tensor:
        """The gradient (P,), zeros where there is none."""
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.policy.parameters()]
        return torch.cat([part.flatten() for part in parts])

    def weights(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.policy.parameters()])

    def iterate(self, k: int) -> None:
        """One round of explore, score, credit, learn."""
        groups = self.explore(k)
        self.credit(groups)
        for units in self.updates(k, groups):
            self.backward(units)
            self.optimizer.step()
            self.updates_made += 1
            self.policy.follow(self.algorithm.snapshots, "update", self.updates_made)
        self.policy.follow(self.algorithm.snapshots, "iteration", self.updates_made)

    @torch.no_grad()
    def heldout_reward(self) -> float:
        """Mean brightness of 32 samples from fixed noise, by Euler's method."""
        prompts = [Prompt(TEXTS[i % len(TEXTS)], index=i) for i in range(32)]
        self.policy.encode(list(TEXTS))
        noise = torch.randn((len(prompts), *SHAPE), generator=Randomness(("held out",)).generator())
        steps = self.sampling.steps
        plan = StepPlan(self.policy.model.sigmas(steps), (False,) * steps, torch.zeros(0, dtype=torch.int64))
        groups = walk(self.policy, prompts, noise, Euler(), plan, self.sampling, [])
        return float(brightness(self.policy.decode(torch.cat([group.final for group in groups]))).mean())


def brightness(images: Tensor) -> Tensor:
    """(B,) mean of images (B, 3, H, W)."""
    return images.flatten(1).mean(dim=1)
