"""Invariants of noise levels and of who shares them: in range, as a pure function of their key."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from genrl.forward_protocols import NoiseSharing, TimeSampler
from genrl.schedule import shift_grid
from genrl.testing.check import expect

GRID = shift_grid(12, 3.0)
PROMPTS, MEMBERS, DRAWS = range(3), range(4), range(5)


def check_levels_are_in_range(times: TimeSampler) -> None:
    for seed in range(20):
        levels = _levels(times, seed)
        expect(levels.ndim == 1 and len(levels) > 0, f"Levels are (K,), got {tuple(levels.shape)}.")
        expect(levels.dtype == torch.float64 and levels.device.type == "cpu", "Levels must be float64 on the CPU.")
        expect(bool((levels > 0.0).all() & (levels <= 1.0).all()), f"Levels leave (0, 1]: {levels.tolist()}.")


def check_every_draw_has_as_many_levels(times: TimeSampler) -> None:
    counts = {len(_levels(times, seed)) for seed in range(20)}
    expect(len(counts) == 1, f"Some draws have {min(counts)} levels and some {max(counts)}; all must ask equally often.")


def check_levels_are_pure(times: TimeSampler) -> None:
    first, other, again = (_levels(times, seed) for seed in (0, 1, 0))
    expect(torch.equal(first, again), "The same generator state gave other levels; draw from `rng` only.")
    expect(not torch.equal(first, other), "Another key gave the same levels.")


def check_keys_are_pure(sharing: NoiseSharing) -> None:
    for prompt, member, draw in product(PROMPTS, MEMBERS, DRAWS):
        first, again = ((sharing.times(prompt, member), sharing.noise(prompt, member, draw)) for _ in range(2))
        expect(first == again, "The same row got two keys.")
        expect(
            sharing.noise(prompt, member, draw) == sharing.noise(prompt, member, draw), "The same row got two keys of noise."
        )


def check_prompts_do_not_share_noise(sharing: NoiseSharing) -> None:
    """They have nothing to compare, and shared noise would only add its variance."""
    owners: dict[tuple[int, ...], int] = {}
    for prompt, member, draw in product(PROMPTS, MEMBERS, DRAWS):
        owner = owners.setdefault(sharing.noise(prompt, member, draw), prompt)
        expect(owner == prompt, f"Prompts {owner} and {prompt} get the same noise.")


def check_members_share_at_every_draw_or_at_none(sharing: NoiseSharing) -> None:
    for prompt, draw in product(PROMPTS, DRAWS):
        different = len({sharing.noise(prompt, member, draw) for member in MEMBERS})
        expect(different in (1, len(MEMBERS)), f"{len(MEMBERS)} members share {different} noises at draw {draw}.")


def _levels(times: TimeSampler, seed: int) -> Tensor:
    return times(GRID, torch.Generator().manual_seed(seed))


TIME_CHECKS = (check_levels_are_in_range, check_every_draw_has_as_many_levels, check_levels_are_pure)
SHARING_CHECKS = (check_keys_are_pure, check_prompts_do_not_share_noise, check_members_share_at_every_draw_or_at_none)
