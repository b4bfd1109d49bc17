"""Held-out evaluation: the same prompts, the same noise and the same ODE solver every time, whatever the algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genrl.policy import WeightedPolicy
from genrl.protocols import Solver
from genrl.randomness import Randomness
from genrl.rewards import RewardPanel
from genrl.rollout import sigma_grid, walk
from genrl.settings import EvaluationSettings
from genrl.statistics import Interval, bootstrap
from genrl.types import Prompt, Sampling, StepPlan

#: Rows that go through the network at once.
BATCH = 96


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: `images` for the grid, and per-sample `values` (S,) by name, `reward` first."""

    prompts: list[str]
    images: Tensor
    values: dict[str, np.ndarray]

    def interval(self, name: str = "reward") -> Interval:
        return bootstrap(self.values[name])

    def gain(self, before: Evaluation, name: str = "reward") -> Interval:
        """The paired difference to an earlier evaluation on the same prompts and noise."""
        return bootstrap(self.values[name] - before.values[name])


@dataclass(frozen=True)
class Evaluator:
    """Samples `settings.samples` pictures spread over the held-out prompts and scores them."""

    prompts: Sequence[Prompt]
    solver: Solver
    sampling: Sampling
    settings: EvaluationSettings

    def __call__(self, policy: WeightedPolicy, rewards: RewardPanel) -> Evaluation:
        steps = self.settings.steps or self.sampling.steps
        grid = sigma_grid(policy.model, steps, self.sampling.shift)
        plan = StepPlan(grid, (False,) * steps, torch.zeros(0, dtype=torch.long))
        rng, chosen = Randomness((self.settings.seed, "evaluation")), self.chosen()
        images, values = [], []
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            policy.encode([prompt.text for prompt in batch])
            shape = policy.latent_shape()
            noise = torch.stack([torch.randn(shape, generator=rng.generator(start + i)) for i in range(len(batch))]).to(
                policy.device
            )
            with torch.no_grad():
                groups = walk(policy, batch, noise, self.solver, plan, self.sampling, [])
                pictures = policy.decode(torch.cat([group.final for group in groups]))
            values.append(measure(rewards, batch, pictures))
            images.append(pictures[: max(0, self.settings.grid - start)].cpu())
        merged = {name: np.concatenate([part[name] for part in values]) for name in values[0]}
        texts = [prompt.text for prompt in chosen[: self.settings.grid]]
        return Evaluation(texts, torch.cat(images), merged)

    def chosen(self) -> list[Prompt]:
        """`samples` prompts, cycling through the held-out ones."""
        return [self.prompts[i % len(self.prompts)] for i in range(self.settings.samples)]


def measure(rewards: RewardPanel, prompts: Sequence[Prompt], images: Tensor) -> dict[str, np.ndarray]:
    """Per-sample reward (weighted sum over the rewards that apply), each reward, and the metrics that are never trained on."""
    scores = rewards.score(prompts, images)
    total = torch.nansum(scores.values * rewards.weights[:, None], dim=0)
    measured = {"reward": total} | {f"rewards/{name}": row for name, row in zip(rewards.names, scores.values, strict=True)}
    measured |= rewards.metrics(prompts, images)
    return {name: np.asarray(torch.as_tensor(value), dtype=np.float64) for name, value in measured.items()}
