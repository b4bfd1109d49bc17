"""Diffusion-DPO equals its transcript; its loss at the reference is ln 2; a pair the other way round pulls the other way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from genrl.algorithms import OfflinePreference, diffusion_dpo
from genrl.errors import ConfigError
from genrl.losses import DPO
from genrl.noising import LogitNormal, Uniform
from genrl.schedule import shift_grid
from genrl.types import Condition, Prompt, RolloutGroup, Sampling, Unit
from tests.test_transcripts import RNG, SHAPE, Field, ToyPolicy, moved
from tests.transcripts import diffusion_dpo as transcript

SAMPLING = Sampling(steps=4, group_size=2, store="float64")
TEXTS = ("a red circle", "two blue squares", "a green triangle")


class Reading(ToyPolicy):
    """Latents are six numbers of a picture of 2 x 2."""

    def media_shape(self) -> tuple[int, ...]:
        return (3, 2, 2)

    def encode_media(self, media: Tensor) -> Tensor:
        return media.double().flatten(1)[:, : math.prod(SHAPE)].view(-1, *SHAPE)

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition) -> Tensor:
        levels = sigma.tolist() if isinstance(sigma, Tensor) else [sigma] * len(x)
        return torch.cat([self.active(row[None], level) for row, level in zip(x, levels, strict=True)])


def pairs(swapped: bool = False) -> list[Prompt]:
    drawn = np.random.default_rng(0).integers(0, 256, (len(TEXTS), 2, 2, 2, 3), dtype=np.uint8)
    places = (1, 0) if swapped else (0, 1)
    return [
        Prompt(text, {"chosen": drawn[i, places[0]], "rejected": drawn[i, places[1]]}, index=i) for i, text in enumerate(TEXTS)
    ]


def learned(
    recipe: OfflinePreference, field: Field, reference: Field, prompts: Sequence[Prompt], rows: int = 100
) -> tuple[Tensor, tuple[Tensor, ...], list[RolloutGroup], list[Unit]]:
    policy = Reading(field, reference)
    plan = recipe.plan(0, shift_grid(4, 1.0), SAMPLING, RNG)
    with torch.no_grad():
        groups = recipe.rollout(policy, prompts, plan, SAMPLING, RNG)
    (units,) = recipe.updates(groups, rows, RNG)
    losses = [recipe.loss(policy, unit)[0] * unit.weight for unit in units]
    loss = torch.stack(losses).sum() / sum(unit.weight for unit in units)
    return loss, torch.autograd.grad(loss, list(field.parameters())), groups, units


def points(units: Sequence[Unit], groups: Sequence[RolloutGroup]) -> tuple[Tensor, Tensor]:
    """The levels (K, P) and noises (K, P, *L) at which pairs are compared; winner and loser share both."""
    found: dict[int, list[tuple[float, Tensor]]] = {}
    for unit in units:
        assert unit.point is not None
        noises, start = unit.point.noise(SHAPE).double(), 0
        for group, members in unit.parts:
            assert members.tolist() == [0, 1]
            one, other = unit.point.sigma[start : start + 2]
            assert one == other
            assert torch.equal(noises[start], noises[start + 1])
            found.setdefault(group.prompt.index, []).append((float(one), noises[start]))
            start += 2
    draws = [found[group.prompt.index] for group in groups]
    t = torch.tensor([[level for level, _ in own] for own in draws], dtype=torch.float64).T
    return t, torch.stack([torch.stack([noise for _, noise in own]) for own in draws]).transpose(0, 1)


@pytest.mark.parametrize("rows", [2, 4, 100])
@pytest.mark.parametrize("drift", [1e-3, 1e-1])
@pytest.mark.parametrize("times", [Uniform(count=1), LogitNormal(count=3)], ids=["uniform", "logit-normal"])
def test_recipe_equals_its_transcript(times: Uniform | LogitNormal, drift: float, rows: int) -> None:
    field, reference, twin = moved(Field(1), drift), Field(1), moved(Field(1), drift)
    recipe = replace(diffusion_dpo(), times=times)
    loss, gradient, groups, units = learned(recipe, field, reference, pairs(), rows)
    winners, losers = (torch.stack([group.final[member] for group in groups]) for member in (0, 1))
    expected = transcript.loss(twin, reference, winners, losers, *points(units, groups), beta=5000.0)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-9)
    for mine, theirs in zip(gradient, torch.autograd.grad(expected, list(twin.parameters())), strict=True):
        assert (mine - theirs).norm() <= 1e-6 * theirs.norm() + 1e-12


def test_at_the_reference_the_loss_is_ln_2_and_a_swapped_pair_flips_the_gradient() -> None:
    field = Field(1)
    loss, gradient, _, _ = learned(diffusion_dpo(), field, Field(1), pairs())
    swapped, flipped, _, _ = learned(diffusion_dpo(), field, Field(1), pairs(swapped=True))
    assert loss.item() == pytest.approx(math.log(2.0), abs=1e-9)
    assert swapped.item() == pytest.approx(math.log(2.0), abs=1e-9)
    for one, other in zip(gradient, flipped, strict=True):
        assert one.norm() > 0
        torch.testing.assert_close(one, -other, rtol=1e-9, atol=1e-12)


def test_a_step_down_prefers_the_chosen_picture() -> None:
    """It is denoised better than the reference denoises it, by more than the other is."""
    recipe, field = replace(diffusion_dpo(), objective=DPO(beta=10.0)), Field(1)
    _, gradient, groups, units = learned(recipe, field, Field(1), pairs())
    with torch.no_grad():
        for parameter, slope in zip(field.parameters(), gradient, strict=True):
            parameter -= 1e-2 * slope
    metrics = [recipe.loss(Reading(field, Field(1)), unit)[1] for unit in units]
    assert all(measured["preference/margin"] > 0 for measured in metrics)


def test_the_rollout_reads_both_pictures_and_asks_no_network() -> None:
    policy = Reading(Field(1), Field(2))
    policy.active = None
    recipe = diffusion_dpo()
    plan = recipe.plan(0, shift_grid(4, 1.0), SAMPLING, RNG)
    groups = recipe.rollout(policy, pairs(), plan, SAMPLING, RNG)
    assert [group.advantages.tolist() for group in groups] == [[[1.0], [-1.0]]] * len(TEXTS)
    cell = pairs()[1].columns["rejected"]
    expected = policy.encode_media(torch.from_numpy(cell).movedim(-1, 0)[None].float() / 255)
    torch.testing.assert_close(groups[1].final[1:], expected)


def test_a_group_is_a_pair() -> None:
    with pytest.raises(ConfigError, match="set sampling.group_size to 2, not 4"):
        diffusion_dpo().check(Sampling(group_size=4))
