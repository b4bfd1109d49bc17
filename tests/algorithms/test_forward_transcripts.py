"""The recipes of the forward process equal the straight-line transcripts of their papers, in loss and gradient.

The transcripts import nothing of the package. Both sides get the same samples, rewards, noise levels and noises, in float64, at
the policy that sampled and at two that have drifted from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import pytest
import torch
from torch import Tensor

from genrl.algorithms import ForwardProcess, awm, crd, dgpo, diffusion_nft, online_dpo
from genrl.losses import AWM, CRD, DGPO, NFT, Clipped
from genrl.protocols import Velocity
from genrl.randomness import Randomness
from genrl.schedule import shift_grid
from genrl.types import Condition, Prompt, RolloutGroup, Sampling, Unit
from tests.test_transcripts import SHAPE, Field, moved
from tests.transcripts import awm as awm_transcript
from tests.transcripts import crd as crd_transcript
from tests.transcripts import dgpo as dgpo_transcript
from tests.transcripts import diffusion_nft as nft
from tests.transcripts import online_dpo as dpo

GROUP, STEPS, PROMPTS = 6, 8, 2
RNG = Randomness(("transcript",))
#: Distinct fields for the weight sets, each near the policy that sampled.
AWAY = {"reference": 0.05, "fast": 0.005}


class Fields:
    """A policy whose weight sets are fields."""

    device = torch.device("cpu")

    def __init__(self, current: Field, others: dict[str, Field]) -> None:
        self.fields, self.active = {"current": current, **others}, "current"

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition) -> Tensor:
        assert len(condition) == len(x)
        field = self.fields[self.active]
        if isinstance(sigma, Tensor):
            return torch.cat([field(row[None], s) for row, s in zip(x, sigma.tolist(), strict=True)])
        return field(x, sigma)

    def solve(self, condition: Condition, sigmas: tuple[float, ...]) -> AbstractContextManager[Velocity]:
        return nullcontext(partial(self.velocity, condition=condition))

    def latent_shape(self) -> tuple[int, ...]:
        return SHAPE

    @contextmanager
    def using(self, weights: str) -> Iterator[None]:
        before, self.active = self.active, weights
        yield
        self.active = before


#: Rows as the transcripts take them: x0 (N, *L), advantages (N,), groups (N,), t (K, N), eps (K, N, *L).
Rows = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def rows_of(units: list[Unit]) -> Rows:
    """The rows of all units, each sample with its draws in any order that all members of its group have in common."""
    draws: dict[tuple[int, int], list[tuple[float, Tensor]]] = {}
    owners: dict[int, RolloutGroup] = {}
    for unit in units:
        assert unit.point is not None
        members = chain.from_iterable(((group, int(m)) for m in members) for group, members in unit.parts)
        noises = unit.point.noise(SHAPE).double()
        for (group, member), sigma, noise in zip(members, unit.point.sigma.tolist(), noises, strict=True):
            owners[group.prompt.index] = group
            draws.setdefault((group.prompt.index, member), []).append((sigma, noise))
    names = sorted(draws)
    x0 = torch.stack([owners[prompt].final[member] for prompt, member in names])
    advantages = torch.stack([owners[prompt].advantages[member, 0] for prompt, member in names])  # type: ignore[index]
    t = torch.tensor([[sigma for sigma, _ in draws[name]] for name in names], dtype=torch.float64).T
    eps = torch.stack([torch.stack([noise for _, noise in draws[name]]) for name in names], dim=1)
    return x0, advantages, torch.tensor([prompt for prompt, _ in names]), t, eps


Oracle = Callable[[dict[str, Field], Rows], Tensor]


def on_nft(f: dict[str, Field], rows: Rows, b: float = 1.0) -> Tensor:
    x0, advantages, _, t, eps = rows
    return nft.loss(f["current"], f["old"], f["reference"], x0, nft.optimality(advantages), t, eps, b=b)


def on_awm(f: dict[str, Field], rows: Rows, **constants: Any) -> Tensor:
    x0, advantages, _, t, eps = rows
    fields = f["current"], f["old"], f["reference"], f["fast"]
    return awm_transcript.loss(*fields, x0, advantages, t, eps, **constants)


def on_dgpo(f: dict[str, Field], rows: Rows, fast: bool = True) -> Tensor:
    x0, advantages, groups, t, eps = rows
    extra = f["fast"] if fast else None
    return dgpo_transcript.loss(f["current"], f["reference"], x0, advantages, groups, t, eps, velocity_fast=extra)


def on_dpo(f: dict[str, Field], rows: Rows) -> Tensor:
    x0, advantages, groups, t, eps = rows
    pairs = dpo.pairs(advantages, groups)
    winners, losers = ([pair[i] for pair in pairs] for i in (0, 1))
    assert torch.equal(eps[:, winners], eps[:, losers]) and torch.equal(t[:, winners], t[:, losers])
    return dpo.loss(f["current"], f["reference"], x0[winners], x0[losers], t[:, winners], eps[:, winners])


def on_crd(f: dict[str, Field], rows: Rows, **constants: Any) -> Tensor:
    x0, advantages, groups, t, eps = rows
    fields = f["current"], f["old"], f["reference"]
    return crd_transcript.loss(*fields, x0, crd_transcript.target(advantages), groups, t, eps, **constants)


def on_awm_with(weighting: Any) -> tuple[ForwardProcess, Oracle]:
    ratio_loss = Clipped(epsilon=1e-3, advantage_clip=1.0)
    return replace(awm(), objective=AWM(weighting, ratio_loss=ratio_loss)), partial(on_awm, weighting=weighting, clip=1e-3)


bce = {"objective": "bce", "temperature": 0.2, "adaptive": False}
CASES: dict[str, tuple[ForwardProcess, Oracle]] = {
    "diffusion-nft": (diffusion_nft(), on_nft),
    "diffusion-nft, b = .1": (replace(diffusion_nft(), objective=NFT(beta=0.1)), partial(on_nft, b=0.1)),
    "awm": (awm(), on_awm),
    "awm, t, clip .001": on_awm_with("t"),
    "awm, t2, clip .001": on_awm_with("t2"),
    "awm, huber, clip .001": on_awm_with("huber"),
    "awm, ghuber, clip .001": on_awm_with("ghuber"),
    "dgpo": (dgpo(), on_dgpo),
    "dgpo without clip": (replace(dgpo(), objective=DGPO(clip=None)), partial(on_dgpo, fast=False)),
    "online-dpo": (online_dpo(), on_dpo),
    "crd": (crd(), on_crd),
    "crd, cross-entropy, two directions": (
        replace(crd(), objective=CRD(fit="bce", temperature=0.2, adaptive=False)), partial(on_crd, **bce)),
}  # fmt: skip


@pytest.mark.parametrize("drift", [0.0, 2e-4, 1e-2], ids=["on-policy", "small-drift", "large-drift"])
@pytest.mark.parametrize("name", CASES)
def test_recipe_equals_its_transcript(name: str, drift: float) -> None:
    recipe, oracle = CASES[name]
    old = Field(1)
    others = {set_: moved(old, AWAY.get(set_, 0.0)) for set_ in recipe.weight_sets}
    groups = credited(recipe, old)
    for units in recipe.updates(groups, 16, RNG):
        current, twin = moved(old, drift), moved(old, drift)
        losses = [recipe.loss(Fields(current, others), unit)[0] * unit.weight for unit in units]
        loss = torch.stack(losses).sum() / sum(unit.weight for unit in units)
        gradient = torch.autograd.grad(loss, list(current.parameters()))

        expected = oracle({**others, "current": twin}, rows_of(units))
        expected_gradient = torch.autograd.grad(expected, list(twin.parameters()))
        torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-9)
        for mine, theirs in zip(gradient, expected_gradient, strict=True):
            assert (mine - theirs).norm() <= 1e-6 * theirs.norm() + 1e-12


def credited(recipe: ForwardProcess, field: Field) -> list[RolloutGroup]:
    """Groups of samples, which any policy may have made, with the advantages of drawn rewards; all in float64."""
    sampling = Sampling(steps=STEPS, group_size=GROUP, store="float64")
    plan = recipe.plan(0, shift_grid(STEPS, 3.0), sampling, RNG)
    prompts = [Prompt("a red circle", index=i) for i in range(PROMPTS)]
    with torch.no_grad():
        groups = recipe.rollout(Fields(field, {}), prompts, plan, sampling, RNG)
    rewards = torch.randn(1, PROMPTS, GROUP, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    advantages = recipe.advantage(rewards, torch.ones(1, dtype=torch.float64), plan)
    for group, advantage in zip(groups, advantages, strict=True):
        group.final, group.advantages = group.final.double(), advantage.double()
    return groups
