"""Held-out evaluation: the same prompts, the same noise and the same ODE solver every time, whatever the algorithm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genrl.drawn import Drawn, gathered
from genrl.errors import RewardError
from genrl.monitoring import picture_values
from genrl.policy import WeightedPolicy
from genrl.processes import ALONE, Processes
from genrl.protocols import Solver
from genrl.randomness import Randomness
from genrl.rewards import RewardPanel, Scores
from genrl.rollout import sigma_grid, walk
from genrl.settings import EvaluationSettings
from genrl.statistics import Interval, bootstrap
from genrl.types import Prompt, Sampling, StepPlan

#: Rows that go through the network at once.
BATCH = 96


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: `images` for the grid, and per-sample `values` (S,) by name, `reward` first.

    A value is NaN where a reward does not apply or has no score; it enters no mean and no interval. failures: for each
    reward by name, the samples that it could not score and why. samples: rows with what rewards logged about each.
    weights: the digest of the parameters that drew.
    """

    prompts: list[str]
    images: Tensor
    values: dict[str, np.ndarray]
    failures: dict[str, dict[int, str]] = field(default_factory=dict)
    samples: list[dict[str, Any]] = field(default_factory=list)
    weights: str = ""

    @property
    def resolution(self) -> tuple[int, ...]:
        """(height, width), of videos (frames, height, width)."""
        *frames, _, height, width = self.images.shape[1:]
        return (*frames, height, width)

    def means(self) -> dict[str, float]:
        """By name, of the samples that have a value; a name of which none has one is left out."""
        return {name: float(np.nanmean(values)) for name, values in self.values.items() if not np.isnan(values).all()}

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

    def __call__(
        self,
        policy: WeightedPolicy,
        rewards: RewardPanel,
        each: Callable[[list[int], Tensor], None] | None = None,
        processes: Processes = ALONE,
    ) -> Evaluation:
        """The same on every process. RewardError if rewards have failed and left no sample with all its scores.

        each: is given every batch as it is drawn, the samples' numbers and their pictures.
        """
        part = processes.together(lambda: [self._drawn(policy, rewards, batch, each) for batch in self.batches(processes)])
        drawn = gathered(Drawn.join(part) if part else None, processes)
        scores, order = drawn.scores, drawn.numbers
        measured = measure(rewards, scores) | drawn.metrics
        if bool(scores.failed.any()) and bool(measured["reward"].isnan().all()):
            raise RewardError(f"No held-out picture has all its scores: {scores.complaint()}.")
        place, samples = torch.tensor(order).argsort(), scores.samples([self.prompt(i) for i in order])
        return Evaluation(
            prompts=[self.prompt(i).caption for i in sorted(drawn.shown)],
            images=drawn.images[torch.tensor(drawn.shown, dtype=torch.long).argsort()],
            values={name: values[place].numpy() for name, values in measured.items()},
            samples=[samples[b] for b in place.tolist()] if samples else [],
            weights=policy.digest(),
            failures={name: {order[b]: why for b, why in rows.items()} for name, rows in scores.failures.items()},
        )

    def _drawn(
        self,
        policy: WeightedPolicy,
        rewards: RewardPanel,
        batch: list[int],
        each: Callable[[list[int], Tensor], None] | None,
    ) -> Drawn:
        prompts, groups = [self.prompt(i) for i in batch], [i % len(self.prompts) for i in batch]
        latents = self.latents(policy, batch)
        pictures = policy.decode(latents)
        if each:
            each(batch, pictures)
        scores = rewards.score(prompts, pictures, latents=latents, groups=groups)
        seen = {name: values.double().cpu() for name, values in picture_values(pictures, latents, groups).items()}
        metrics = rewards.metrics(prompts, pictures, latents=latents, groups=groups) | seen
        shown = [row for row, i in enumerate(batch) if i < self.settings.grid]
        return Drawn(batch, scores, metrics, [batch[row] for row in shown], pictures[shown].cpu())

    @torch.no_grad()
    def latents(self, policy: WeightedPolicy, batch: Sequence[int]) -> Tensor:
        """(B, *L) of these samples, whose noise depends on their number alone."""
        steps = self.settings.steps or self.sampling.steps
        plan = StepPlan(
            sigma_grid(policy.model, steps, self.sampling.shift), (False,) * steps, torch.zeros(0, dtype=torch.long)
        )
        rng, prompts = Randomness((self.settings.seed, "evaluation")), [self.prompt(i) for i in batch]
        policy.encode([prompt.text for prompt in prompts])
        shape = policy.latent_shape()
        noise = torch.stack([torch.randn(shape, generator=rng.generator(i)) for i in batch]).to(policy.device)
        groups = walk(policy, prompts, noise, self.solver, plan, self.sampling, [])
        return torch.cat([group.final for group in groups])

    def prompt(self, sample: int) -> Prompt:
        """Samples cycle through the held-out prompts."""
        return self.prompts[sample % len(self.prompts)]

    def batches(self, processes: Processes = ALONE) -> list[list[int]]:
        """A process's samples, at most `BATCH` at once; those of a prompt stay together, for the sake of group-wise rewards."""
        batches: list[list[int]] = []
        for p in range(processes.index, min(len(self.prompts), self.settings.samples), processes.count):
            own = list(range(p, self.settings.samples, len(self.prompts)))
            for piece in (own[k : k + BATCH] for k in range(0, len(own), BATCH)):
                if not batches or len(batches[-1]) + len(piece) > BATCH:
                    batches.append([])
                batches[-1] += piece
        return batches


def measure(rewards: RewardPanel, scores: Scores) -> dict[str, Tensor]:
    """Per sample (S,), float64: the weighted sum, NaN where a score is missing, and each reward."""
    by_name = {f"rewards/{name}": row for name, row in zip(rewards.names, scores.values, strict=True)}
    return {"reward": rewards.total(scores)} | by_name
