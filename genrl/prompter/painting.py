"""Pictures of written prompts, from noise that belongs to the request: completions of one request share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genrl.evaluation import BATCH
from genrl.judging.drawing import autocast
from genrl.models import DiffusersModel
from genrl.policy import WeightedPolicy
from genrl.randomness import Randomness
from genrl.rollout import sigma_grid, walk
from genrl.solvers import Euler
from genrl.types import Prompt, Sampling, StepPlan


@dataclass(frozen=True)
class Painting:
    """Rows that were drawn together: their places, latents (B, *L), and pictures if they were decoded."""

    rows: list[int]
    latents: Tensor
    images: Tensor | None


@dataclass(frozen=True)
class Painter:
    """A frozen flow model, as it is evaluated: Euler steps down its own grid.

    Prompts are encoded once each and forgotten afterwards, as a writer never stops writing new ones. Rows of one prompt and
    one noise are drawn once.
    """

    model: DiffusersModel
    policy: WeightedPolicy
    sampling: Sampling
    mixed_precision: str
    seed: int

    @torch.no_grad()
    def __call__(self, prompts: Sequence[Prompt], noises: Sequence[tuple[int, ...]], decode: bool) -> Iterator[Painting]:
        """Paintings of all prompts, `noises` the key of each one's noise. Prompts of one request stay in one painting."""
        steps, rng = self.sampling.steps, Randomness((self.seed, "prompter"))
        grid = sigma_grid(self.policy.model, steps, self.sampling.shift)
        plan = StepPlan(grid, (False,) * steps, torch.zeros(0, dtype=torch.int64))
        with autocast(self.policy.device, self.mixed_precision):
            self.policy.encode([prompt.text for prompt in prompts])
            shape = self.policy.latent_shape()
            for rows in batches([prompt.index for prompt in prompts]):
                # A writer that is sure of itself gives the same prompt again and again: one picture serves all of them.
                first = {(prompts[row].text, noises[row]): row for row in reversed(rows)}
                drawn = sorted(first.values())
                place = [drawn.index(first[prompts[row].text, noises[row]]) for row in rows]
                noise = torch.stack([torch.randn(shape, generator=rng.generator(*noises[row])) for row in drawn])
                own = [prompts[row] for row in drawn]
                groups = walk(self.policy, own, noise.to(self.policy.device), Euler(), plan, self.sampling, [])
                latents = torch.cat([group.final for group in groups])
                yield Painting(rows, latents[place], self.policy.decode(latents)[place] if decode else None)
        self.model.forget([prompt.text for prompt in prompts])


def batches(requests: Sequence[int]) -> list[list[int]]:
    """Rows by request, at most `BATCH` in a batch unless a single request has more."""
    groups: dict[int, list[int]] = {}
    for row, request in enumerate(requests):
        groups.setdefault(request, []).append(row)
    found: list[list[int]] = [[]]
    for rows in groups.values():
        if found[-1] and len(found[-1]) + len(rows) > BATCH:
            found.append([])
        found[-1] += rows
    return found
