"""Invariants of losses and penalties at noised samples: which way they push a sample, and when not at all."""

from __future__ import annotations

import torch
from torch import Tensor

from genrl.forward_protocols import MatchingLoss, MatchingRegularizer
from genrl.testing.check import NotApplicable, expect, expect_close
from genrl.testing.losses import expect_metrics
from genrl.types import Answers

SHAPE = (3, 4)
#: Numbers of one latent of FLUX at 720 x 720.
LARGE = (129_600,)


def check_pulls_good_samples_and_pushes_bad_ones(loss: MatchingLoss) -> None:
    """At unchanged weights a step down the loss brings the velocity nearer to good samples and further from bad ones."""
    answers, advantage = _answers(loss), _advantage(loss)
    _, slope = _slope(loss, answers, advantage)
    towards = -(slope * (answers.target - answers.velocity)).flatten(1).sum(dim=1)
    good = advantage > advantage.mean()
    expect(bool((towards[good] > 0.0).all()), "A good sample does not attract the velocity.")
    expect(bool((towards[~good] < 0.0).all()), "A bad sample does not repel the velocity.")


def check_equals_are_left_alone(loss: MatchingLoss) -> None:
    _, slope = _slope(loss, _answers(loss), torch.zeros_like(_advantage(loss)))
    expect(bool((slope.abs() < 1e-12).all()), "Where no member is better than another, unchanged weights must stay.")


def check_rows_have_no_order(loss: MatchingLoss) -> None:
    answers, advantage = _answers(loss, drift=0.1), _advantage(loss)
    under = {name: answer.flip(0) for name, answer in answers.under.items()}
    flipped = Answers(answers.velocity.flip(0), under, answers.target.flip(0), answers.sigma.flip(0))
    once, other = loss(answers, advantage)[0], loss(flipped, advantage.flip(0))[0]
    expect_close(other, once, "Rows in another order must give the same loss", rtol=1e-9, atol=1e-12)


def check_averages_its_rows(loss: MatchingLoss) -> None:
    if loss.compares == "pair":
        raise NotApplicable("it takes two rows and no more")
    answers, advantage = _answers(loss, drift=0.1), _advantage(loss)
    under = {name: answer.repeat(2, 1, 1) for name, answer in answers.under.items()}
    velocity, target = (values.repeat(2, 1, 1) for values in (answers.velocity, answers.target))
    twice = loss(Answers(velocity, under, target, answers.sigma.repeat(2)), advantage.repeat(2))[0]
    expect_close(twice, loss(answers, advantage)[0], "Twice the same rows must give the same loss", rtol=1e-9, atol=1e-12)


def check_is_finite_at_the_size_of_real_latents(loss: MatchingLoss) -> None:
    for drift in (0.0, 1e-4, 1.0):
        value, slope = _slope(loss, _answers(loss, drift, LARGE), _advantage(loss))
        expect(bool(value.isfinite()) and bool(slope.isfinite().all()), f"NaN or infinite at a drift of {drift}.")


def check_metrics_carry_no_graph(loss: MatchingLoss) -> None:
    answers = _answers(loss, drift=0.1)
    moving = Answers(answers.velocity.requires_grad_(), answers.under, answers.target, answers.sigma)
    expect_metrics(loss(moving, _advantage(loss))[1])


def check_is_zero_without_drift(regularizer: MatchingRegularizer) -> None:
    value, slope = _penalty(regularizer, 0.0)
    expect(value.ndim == 1, f"A penalty is (B,), got {tuple(value.shape)}.")
    expect(bool((value == 0.0).all()) and slope == 0.0, "Where the policy is the other one, penalty and gradient are 0.")


def check_grows_with_the_drift(regularizer: MatchingRegularizer) -> None:
    values = torch.stack([_penalty(regularizer, drift)[0] for drift in (0.01, 0.1, 1.0)])
    expect(bool(values.isfinite().all()), "A penalty is NaN or infinite.")
    expect(bool((values > 0.0).all()) and bool((values.diff(dim=0) > 0.0).all()), "More drift must cost more.")


def check_pulls_back(regularizer: MatchingRegularizer) -> None:
    for drift in (-0.1, 0.1):
        expect(_penalty(regularizer, drift)[1] * drift > 0.0, f"The gradient at a drift of {drift} must point back.")


def _answers(loss: MatchingLoss, drift: float = 0.0, shape: tuple[int, ...] = SHAPE) -> Answers:
    """Rows whose other weight sets answer alike and whose current one is `drift` away from them."""
    rows = len(_advantage(loss))
    rng = torch.Generator().manual_seed(0)
    before, target, moved = (torch.randn(rows, *shape, generator=rng, dtype=torch.float64) for _ in range(3))
    sigma = torch.full((rows,), 0.6, dtype=torch.float64)
    return Answers(before + drift * moved, {name: before for name in loss.weight_sets}, target, sigma)


def _advantage(loss: MatchingLoss) -> Tensor:
    """Half of the rows good, half bad, none near 0."""
    values = (0.7, -0.9) if loss.compares == "pair" else (0.7, -0.9, 0.5, -0.3)
    return torch.tensor(values, dtype=torch.float64)


def _slope(loss: MatchingLoss, answers: Answers, advantage: Tensor) -> tuple[Tensor, Tensor]:
    velocity = answers.velocity.clone().requires_grad_()
    value, _ = loss(Answers(velocity, answers.under, answers.target, answers.sigma), advantage)
    expect(value.ndim == 0, "A loss is a scalar.")
    (slope,) = torch.autograd.grad(value, velocity)
    return value.detach(), slope


def _penalty(regularizer: MatchingRegularizer, drift: float) -> tuple[Tensor, float]:
    """The penalty of a velocity that is `drift` away, and its slope in the drift."""
    moved = torch.tensor(drift, dtype=torch.float64, requires_grad=True)
    rng = torch.Generator().manual_seed(0)
    before, target = (torch.randn(4, *SHAPE, generator=rng, dtype=torch.float64) for _ in range(2))
    answers = Answers(before + moved, {regularizer.weights: before}, target, torch.full((4,), 0.6, dtype=torch.float64))
    value = regularizer(answers, torch.tensor([0.7, -0.9, 0.5, -0.3], dtype=torch.float64))
    (slope,) = torch.autograd.grad(value.sum(), moved)
    return value.detach(), slope.item()


LOSS_CHECKS = (
    check_pulls_good_samples_and_pushes_bad_ones,
    check_equals_are_left_alone,
    check_rows_have_no_order,
    check_averages_its_rows,
    check_is_finite_at_the_size_of_real_latents,
    check_metrics_carry_no_graph,
)
REGULARIZER_CHECKS = (check_is_zero_without_drift, check_grows_with_the_drift, check_pulls_back)
