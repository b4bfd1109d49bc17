"""What the papers say of their losses at noised samples: values and gradients at the old policy and at the reference."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from genrl.losses import AWM, CRD, DGPO, DPO, NFT, Clipped, RewardedVelocityKL, VelocityKL
from genrl.losses.matching import adaptive_error, mean_square, optimality
from genrl.types import Answers

ROWS, SHAPE = 4, (3, 5)


def drawn(*seeds: int, rows: int = ROWS) -> list[Tensor]:
    rngs = (torch.Generator().manual_seed(seed) for seed in seeds)
    return [torch.randn(rows, *SHAPE, generator=rng, dtype=torch.float64) for rng in rngs]


def on_policy(loss, rows: int = ROWS) -> Answers:
    """Every weight set answers as the current one does, which carries a gradient."""
    before, target = drawn(0, 1, rows=rows)
    sigma = torch.linspace(0.3, 1.0, rows, dtype=torch.float64)
    return Answers(before.clone().requires_grad_(), {name: before for name in loss.weight_sets}, target, sigma)


def slope(loss, answers: Answers, advantage: Tensor) -> Tensor:
    return torch.autograd.grad(loss(answers, advantage)[0], answers.velocity)[0]


def advantages(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("beta", [1.0, 0.1])
def test_nft_gradient_at_the_old_policy_is_proportional_to_2r_minus_1(beta: float) -> None:
    loss = NFT(beta=beta)
    answers, advantage = on_policy(loss), advantages(5.0, 0.0, -2.5, 1.0)
    moving = answers.velocity.detach().clone().requires_grad_()
    sigma = answers.sigma.view(-1, 1, 1)
    towards = torch.autograd.grad(adaptive_error(sigma * (answers.target - moving)).sum(), moving)[0]
    factor = (2 * optimality(advantage, 5.0) - 1).view(-1, 1, 1)
    torch.testing.assert_close(slope(loss, answers, advantage), 5.0 * factor * towards / ROWS, rtol=1e-9, atol=1e-12)
    assert float(slope(loss, answers, advantage)[1].abs().max()) < 1e-15  # r = 1/2


@pytest.mark.parametrize("weighting", ["uniform", "t", "t2", "huber", "ghuber"])
def test_awm_starts_at_ratio_one_with_the_gradient_of_weighted_matching(weighting: str) -> None:
    loss = AWM(weighting=weighting, ratio_loss=Clipped(epsilon=0.1, advantage_clip=1.0))  # type: ignore[arg-type]
    answers, advantage = on_policy(loss), advantages(0.9, -0.4, 3.0, 0.0)
    value, metrics = loss(answers, advantage)
    assert float(metrics["ratio_mean"]) == 1.0
    assert float(value.detach()) == pytest.approx(-float(advantage.clamp(-1, 1).mean()))
    moving = answers.velocity.detach().clone().requires_grad_()
    matching = loss.weighted(mean_square(moving - answers.target), answers.sigma)
    expected = torch.autograd.grad((advantage.clamp(-1, 1) * matching).mean(), moving)[0]
    torch.testing.assert_close(slope(loss, answers, advantage), expected, rtol=1e-9, atol=1e-12)


def test_dgpo_weighs_a_group_by_one_half_at_the_reference() -> None:
    loss = DGPO()
    answers, advantage = on_policy(loss), advantages(1.2, -0.7, 0.3, -0.8)
    assert float(loss(answers, advantage)[1]["group_weight"]) == 0.5
    moving = answers.velocity.detach().clone().requires_grad_()
    expected = torch.autograd.grad(0.5 * (advantage * mean_square(moving - answers.target)).mean(), moving)[0]
    torch.testing.assert_close(slope(loss, answers, advantage), expected, rtol=1e-12, atol=1e-15)


def test_dgpo_has_the_gradient_of_its_preference() -> None:
    loss = DGPO(beta=3.0, clip=None)
    before, target, moved = drawn(0, 1, 2)
    answers = Answers((before + 0.3 * moved).requires_grad_(), {"reference": before}, target, torch.ones(ROWS).double())
    advantage = advantages(1.2, -0.7, 0.3, -0.8)
    gap = mean_square(answers.velocity - target) - mean_square(before - target)
    preference = -torch.nn.functional.logsigmoid(-3.0 * (advantage * gap).mean()) / 3.0
    expected = torch.autograd.grad(preference, answers.velocity)[0]
    torch.testing.assert_close(slope(loss, answers, advantage), expected, rtol=1e-9, atol=1e-12)


def test_dgpo_stops_pushing_what_went_far_enough_the_way_it_should() -> None:
    loss = DGPO(clip=0.05)
    before, target = drawn(0, 1)
    nearer = (before + 0.5 * (target - before)).requires_grad_()  # every matching error falls
    answers = Answers(nearer, {"reference": before, "fast": before}, target, torch.ones(ROWS).double())
    gradient = slope(loss, answers, advantages(1.0, -1.0, 1.0, -1.0)).flatten(1).abs().sum(dim=1)
    assert gradient.tolist()[0] == gradient.tolist()[2] == 0.0
    assert min(gradient.tolist()[1], gradient.tolist()[3]) > 0.0


def test_dpo_begins_at_ln_2_and_a_swapped_pair_flips_the_gradient() -> None:
    loss = DPO()
    answers = on_policy(loss, rows=2)
    assert float(loss(answers, advantages(1.0, -1.0))[0].detach()) == pytest.approx(math.log(2.0), abs=1e-12)
    one, other = (slope(loss, answers, advantages(*pair)) for pair in ((1.0, -1.0), (-1.0, 1.0)))
    torch.testing.assert_close(one, -other, rtol=1e-12, atol=0.0)
    assert float(one.abs().max()) > 0.0


def test_dpo_learns_nothing_from_equals() -> None:
    loss = DPO()
    answers = on_policy(loss, rows=2)
    assert float(loss(answers, advantages(0.0, 0.0))[0].detach()) == 0.0
    assert bool((slope(loss, answers, advantages(0.0, 0.0)) == 0.0).all())


@pytest.mark.parametrize("fit", ["mse", "bce"])
@pytest.mark.parametrize("temperature", [None, 0.2])
def test_crd_does_not_see_a_constant_of_the_group(fit: str, temperature: float | None) -> None:
    """Rewards or implicit rewards that are higher by the same amount for all members."""
    loss = CRD(fit=fit, temperature=temperature, adaptive=False)  # type: ignore[arg-type]
    before, target, moved = drawn(0, 1, 2)
    velocity, advantage = before + 0.1 * moved, advantages(1.2, -0.7, 0.3, -0.8)
    answers = Answers(velocity, {"old": before}, target, torch.ones(ROWS).double())
    value = loss(answers, advantage)[0]
    torch.testing.assert_close(loss(answers, advantage + 0.7)[0], value, rtol=1e-9, atol=1e-12)
    # An old error that is larger by 1 for every member is an implicit reward that is higher by 1.
    error = (before - target).flatten(1)
    scale = ((error.square().mean(1) + 1.0) / error.square().mean(1)).sqrt().view(-1, 1, 1)
    shifted = replace(answers, under={"old": target + scale * (before - target)})
    torch.testing.assert_close(loss(shifted, advantage)[0], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("penalty", [VelocityKL(beta=0.5), RewardedVelocityKL(beta=0.5)])
def test_penalties_are_zero_at_the_reference(penalty: VelocityKL | RewardedVelocityKL) -> None:
    before, target = drawn(0, 1)
    answers = Answers(before, {"reference": before}, target, torch.ones(ROWS).double())
    assert penalty(answers, advantages(1.0, 2.0, -1.0, 0.0)).tolist() == [0.0] * ROWS


def test_rewarded_penalty_holds_good_samples_closer() -> None:
    before, target = drawn(0, 1)
    answers = Answers(before + 1.0, {"reference": before}, target, torch.ones(ROWS).double())
    values = RewardedVelocityKL(beta=0.1, floor=1e-4)(answers, advantages(-5.0, 0.0, 5.0, 50.0))
    torch.testing.assert_close(values, advantages(1e-4, (0.1 + 1e-4) / 2, 0.1, 0.1), rtol=1e-12, atol=0.0)
