"""Rollout groups in, rewards of whole groups out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from genrl.processes import ALONE, Processes
from genrl.rewards.panel import RewardPanel
from genrl.rewards.scores import Scores
from genrl.types import Prompt, RolloutGroup


class Explored(NamedTuple):
    """What a rollout hands to the rewards: latents (B, *L) of all its members, and their images if a reward asks for them."""

    groups: list[RolloutGroup]
    latents: Tensor
    images: Tensor | None


class Scored(NamedTuple):
    """Groups of this process that have all their scores; the rewards (R, N, G) of all processes' such groups, of which `own`
    are those of this one; and what there is to log of all pictures."""

    groups: list[RolloutGroup]
    own: slice
    rewards: Tensor
    metrics: dict[str, float]
    samples: list[dict[str, Any]]


def score_members(panel: RewardPanel, explored: Explored, state: Mapping[str, Any]) -> tuple[list[RolloutGroup], Scores]:
    """Ask the rewards about every member; the groups and what was said of their B = N G rows. Keeps no picture."""
    prompts = [group.prompt for group in explored.groups for _ in range(group.size)]
    numbers = [n for n, group in enumerate(explored.groups) for _ in range(group.size)]
    scores = panel.score(prompts, explored.images, state, latents=explored.latents, groups=numbers)
    return explored.groups, scores


def complete_groups(
    panel: RewardPanel, scored: Sequence[tuple[list[RolloutGroup], Scores]], processes: Processes = ALONE
) -> Scored:
    """The groups without a failed member, of all batches that were scored; RewardError if no process has one left."""
    groups, size = [group for part, _ in scored for group in part], scored[0][0][0].size
    asked = [(group.prompt.text, group.prompt.request) for group in groups]
    told = processes.tell([Scores.join([part for _, part in scored]).plain(), asked])
    scores = Scores.beside([Scores.of_plain(plain) for plain, _ in told])
    kept, prompts = panel.kept(scores, size), [Prompt(text, request=asked) for _, some in told for text, asked in some]
    metrics = scores.metrics | {"dropped_groups": float((~kept).sum())}
    metrics |= {f"rewards/{name}/seconds": spent for name, spent in scores.seconds.items()}
    metrics |= {f"rewards/{name}/failed": float(len(rows)) for name, rows in scores.failures.items()}
    rewards = scores.values.view(len(scores.values), len(prompts), -1)[:, kept]
    samples = scores.samples([prompt for prompt in prompts for _ in range(size)])
    mine, before = processes.share(kept.tolist()), sum(kept.tolist()[: processes.index * len(groups)])
    own = slice(before, before + sum(mine))
    return Scored([group for group, keep in zip(groups, mine, strict=True) if keep], own, rewards, metrics, samples)
