"""Rollout groups in, rewards of whole groups out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from genrl.rewards.panel import RewardPanel
from genrl.rewards.scores import Scores
from genrl.types import RolloutGroup


class Explored(NamedTuple):
    """What a rollout hands to the rewards: latents (B, *L) of all its members, and their images if a reward asks for them."""

    groups: list[RolloutGroup]
    latents: Tensor
    images: Tensor | None


class Scored(NamedTuple):
    """Groups that have all their scores, their rewards (R, N, G), and what there is to log of all pictures."""

    groups: list[RolloutGroup]
    rewards: Tensor
    metrics: dict[str, float]
    samples: list[dict[str, Any]]


def score_members(panel: RewardPanel, explored: Explored, state: Mapping[str, Any]) -> tuple[list[RolloutGroup], Scores]:
    """Ask the rewards about every member; the groups and what was said of their B = N G rows. Keeps no picture."""
    prompts = [group.prompt for group in explored.groups for _ in range(group.size)]
    numbers = [n for n, group in enumerate(explored.groups) for _ in range(group.size)]
    scores = panel.score(prompts, explored.images, state, latents=explored.latents, groups=numbers)
    return explored.groups, scores


def complete_groups(panel: RewardPanel, scored: Sequence[tuple[list[RolloutGroup], Scores]]) -> Scored:
    """The groups without a failed member, of all batches that were scored; RewardError if none is left."""
    groups, scores = [group for part, _ in scored for group in part], Scores.join([part for _, part in scored])
    kept = panel.kept(scores, groups[0].size)
    metrics = scores.metrics | {"dropped_groups": float((~kept).sum())}
    metrics |= {f"rewards/{name}/seconds": spent for name, spent in scores.seconds.items()}
    metrics |= {f"rewards/{name}/failed": float(len(rows)) for name, rows in scores.failures.items()}
    rewards = scores.values.view(len(scores.values), len(groups), -1)[:, kept]
    samples = scores.samples([group.prompt for group in groups for _ in range(group.size)])
    return Scored([group for group, keep in zip(groups, kept.tolist(), strict=True) if keep], rewards, metrics, samples)
