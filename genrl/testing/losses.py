"""Invariants of ratio losses, step weights and regularizers: where they push, and where they must not."""

from __future__ import annotations

import torch
from torch import Tensor

from genrl.protocols import RatioLoss, Regularizer, StepWeight
from genrl.schedule import shift_grid
from genrl.testing.check import expect, expect_close
from genrl.types import Metrics, Step, StepPlan

B, C = 3, 4
#: A log-ratio beyond every clip range.
FAR = 1.0


def check_gradient_at_ratio_one_is_minus_the_advantage(loss: RatioLoss) -> None:
    """Mean over anchors, sum over candidates: -A / B for each term."""
    advantage = _advantage()
    _, slope = _slope(loss, torch.zeros(B, C), advantage)
    expect_close(slope, -advantage / B, "At ratio 1 the gradient of a term must be -A / B", atol=1e-6)


def check_stops_pushing_beyond_the_clip(loss: RatioLoss) -> None:
    """Where the ratio already went the way the advantage wants."""
    for log_ratio, sign in ((FAR, 1.0), (-FAR, -1.0)):
        _, slope = _slope(loss, torch.full((B, C), log_ratio), torch.full((B, C), sign))
        expect(bool((slope == 0.0).all()), f"At log-ratio {log_ratio:g} an advantage of {sign:g} must not push on.")


def check_pulls_back_from_the_wrong_side(loss: RatioLoss) -> None:
    """Where the ratio went against the advantage."""
    for log_ratio, sign in ((FAR, -1.0), (-FAR, 1.0)):
        _, slope = _slope(loss, torch.full((B, C), log_ratio), torch.full((B, C), sign))
        right = bool((slope * -sign > 0.0).all())
        expect(right, f"At log-ratio {log_ratio:g} an advantage of {sign:g} must pull the ratio back.")


def check_averages_anchors_and_adds_candidates(loss: RatioLoss) -> None:
    log_ratio, advantage = 1e-5 * _advantage(seed=1), _advantage()
    once, _ = loss(log_ratio, advantage, _far(log_ratio))
    anchors, _ = loss(log_ratio.repeat(2, 1), advantage.repeat(2, 1), _far(log_ratio).repeat(2))
    candidates, _ = loss(log_ratio.repeat(1, 2), advantage.repeat(1, 2), _far(log_ratio))
    expect_close(anchors, once, "Twice the same anchors must leave the loss as it is", rtol=1e-5, atol=1e-7)
    expect_close(candidates, 2 * once, "Twice the same candidates must double the loss", rtol=1e-5, atol=1e-7)


def check_reports_numbers_without_a_graph(loss: RatioLoss) -> None:
    log_ratio = torch.zeros(B, C, requires_grad=True)
    _, metrics = loss(log_ratio, _advantage(), _far(log_ratio))
    expect_metrics(metrics)


def check_every_step_counts(weight: StepWeight) -> None:
    for steps in (2, 10, 25):
        plan = StepPlan(shift_grid(steps, 3.0), (True,) * steps, torch.arange(steps - 1))
        values = [weight(plan, t) for t in plan.steps]
        expect(all(type(value) is float for value in values), "A step weight is a Python float.")
        expect(all(0.0 < value < float("inf") for value in values), f"A step weight must be positive and finite, got {values}.")


def check_is_zero_without_drift(regularizer: Regularizer) -> None:
    value, slope = _penalty(regularizer, drift=0.0)
    expect(value.shape == (B,), f"A penalty is (B,), got {tuple(value.shape)}.")
    expect(bool((value == 0.0).all()) and slope == 0.0, "Where the policy is the other one, penalty and gradient are 0.")


def check_grows_with_the_drift(regularizer: Regularizer) -> None:
    values = torch.stack([_penalty(regularizer, drift=drift)[0] for drift in (0.01, 0.1, 1.0)])
    expect(bool(values.isfinite().all()), "A penalty is NaN or infinite.")
    expect(bool((values > 0.0).all()) and bool((values.diff(dim=0) > 0.0).all()), "More drift must cost more.")


def check_pulls_back(regularizer: Regularizer) -> None:
    for drift in (-0.1, 0.1):
        _, slope = _penalty(regularizer, drift=drift)
        expect(slope * drift > 0.0, f"The gradient at a drift of {drift} must point back.")


def expect_metrics(metrics: Metrics) -> None:
    """Every metric is a 0-dim tensor, finite, without a graph."""
    for name, value in metrics.items():
        good = isinstance(value, Tensor) and value.ndim == 0 and not value.requires_grad
        expect(good, f"The metric {name!r} must be a 0-dim tensor without a graph.")
        expect(bool(value.isfinite()), f"The metric {name!r} is {value.item()}.")


def _far(log_ratio: Tensor) -> Tensor:
    """(B,) divergences beyond every threshold."""
    return log_ratio.new_ones(len(log_ratio))


def _slope(loss: RatioLoss, log_ratio: Tensor, advantage: Tensor) -> tuple[Tensor, Tensor]:
    log_ratio = log_ratio.clone().requires_grad_()
    value, _ = loss(log_ratio, advantage, _far(log_ratio))
    expect(value.ndim == 0 and bool(value.isfinite()), "A loss is a finite scalar.")
    (slope,) = torch.autograd.grad(value, log_ratio)
    return value.detach(), slope


def _penalty(regularizer: Regularizer, drift: float) -> tuple[Tensor, float]:
    """The penalty of a noisy step whose velocity and log-ratio are `drift` away, and its slope in the drift."""
    sigma, sigma_next, std = 0.6, 0.5, 0.2
    moved = torch.tensor(drift, dtype=torch.float64, requires_grad=True)
    x, v = (torch.randn(B, 3, 4, generator=torch.Generator().manual_seed(k), dtype=torch.float64) for k in (0, 1))

    def step(velocity: Tensor) -> Step:
        return Step(x - (sigma - sigma_next) * velocity, std, x - sigma * velocity)

    reference = step(v) if regularizer.needs_reference else None
    log_ratio = moved * torch.linspace(0.5, 1.0, B * C, dtype=torch.float64).view(B, C)
    value = regularizer(step(v + moved), reference, sigma, sigma_next, log_ratio)
    (slope,) = torch.autograd.grad(value.sum(), moved)
    return value.detach(), slope.item()


def _advantage(seed: int = 0) -> Tensor:
    """(B, C) in [-1, 1], none near 0."""
    drawn = torch.rand(B, C, generator=torch.Generator().manual_seed(seed)) * 0.9 + 0.1
    return drawn * torch.tensor([1.0, -1.0]).repeat(C // 2)


RATIO_LOSS_CHECKS = (
    check_gradient_at_ratio_one_is_minus_the_advantage,
    check_stops_pushing_beyond_the_clip,
    check_pulls_back_from_the_wrong_side,
    check_averages_anchors_and_adds_candidates,
    check_reports_numbers_without_a_graph,
)
STEP_WEIGHT_CHECKS = (check_every_step_counts,)
REGULARIZER_CHECKS = (check_is_zero_without_drift, check_grows_with_the_drift, check_pulls_back)
