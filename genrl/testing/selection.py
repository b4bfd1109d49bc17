"""Invariants of step, anchor and member selectors: valid indices, as a pure function of (iteration, rng) or of advantages."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from genrl.forward_protocols import MemberSelector
from genrl.protocols import AnchorSelector, StepSelector
from genrl.schedule import shift_grid
from genrl.testing.check import expect
from genrl.types import StepPlan

SIGMAS = shift_grid(12, 3.0)
SIZE = 8
ITERATIONS = (0, 1, 2, 30, 100, 1_000)


def check_grid_descends_from_one_to_zero(steps: StepSelector) -> None:
    for k in ITERATIONS:
        plan = _plan(steps, k)
        expect(plan.sigmas[0] == SIGMAS[0], f"Iteration {k} starts at sigma {plan.sigmas[0]}, not {SIGMAS[0]}.")
        expect(plan.sigmas[-1] == 0.0, f"Iteration {k} ends at sigma {plan.sigmas[-1]}; what is decoded is noisy.")
        expect(all(s > t for s, t in pairwise(plan.sigmas)), f"The grid of iteration {k} does not descend.")
        expect(len(plan.sigmas) == plan.length + 1, f"Iteration {k}: {plan.length} flags, {len(plan.sigmas)} sigmas.")
        expect(all(type(s) is float for s in plan.sigmas), "sigmas must be Python floats.")


def check_trained_steps_are_valid_indices(steps: StepSelector) -> None:
    for k in ITERATIONS:
        plan = _plan(steps, k)
        trained = plan.trained
        expect(trained.ndim == 1 or trained.shape[:-1] == (SIZE,), f"`trained` is (K,) or (G, K), got {tuple(trained.shape)}.")
        _expect_indices(trained, plan.length, f"The trained steps of iteration {k}")


def check_trained_steps_are_all_noisy_or_none(steps: StepSelector) -> None:
    """A Gaussian surrogate cannot score a deterministic step, one over ODE trajectories no noisy one."""
    noisy = {plan.stochastic[t] for plan in (_plan(steps, k) for k in ITERATIONS) for t in plan.steps}
    expect(len(noisy) == 1, "Some trained steps are noisy and some are not, so no surrogate can score them all.")


def check_plan_is_pure(steps: StepSelector) -> None:
    """Neither the calls before nor anything but (iteration, rng) may decide."""
    forwards = [_plan(steps, k) for k in ITERATIONS]
    backwards = [_plan(steps, k) for k in reversed(ITERATIONS)][::-1]
    for k, one, other in zip(ITERATIONS, forwards, backwards, strict=True):
        same = (one.sigmas, one.stochastic) == (other.sigmas, other.stochastic)
        expect(same and torch.equal(one.trained, other.trained), f"The plan of iteration {k} is not the same twice.")


def check_anchors_are_valid_indices(anchors: AnchorSelector) -> None:
    for seed in range(5):
        members = anchors(SIZE, _rng(seed))
        expect(members.ndim == 1, f"Anchors are (B,), got {tuple(members.shape)}.")
        _expect_indices(members, SIZE, "The anchors")


def check_anchors_are_pure(anchors: AnchorSelector) -> None:
    first, _, again = (anchors(SIZE, _rng(seed)) for seed in (0, 1, 0))
    expect(torch.equal(first, again), "The same generator state gave other anchors; draw from `rng` only.")


def check_members_are_valid_indices(members: MemberSelector) -> None:
    for advantages in _advantages():
        chosen = members(advantages)
        expect(chosen.ndim == 1, f"Members are (B,), got {tuple(chosen.shape)}.")
        _expect_indices(chosen, SIZE, "The members")


def check_members_are_as_many_for_any_advantages(members: MemberSelector) -> None:
    """How often the network is asked must not depend on what pictures were worth."""
    counts = {len(members(advantages)) for advantages in _advantages()}
    expect(len(counts) == 1, f"Groups of {SIZE} give {sorted(counts)} members; take the same number of each.")


def check_members_follow_their_advantages(members: MemberSelector) -> None:
    """Where no two are equal, another order of the group chooses the same members."""
    advantages, order = torch.randn(SIZE, generator=_rng(0)), torch.randperm(SIZE, generator=_rng(1))
    chosen, again = members(advantages), order[members(advantages[order])]
    expect(torch.equal(chosen, again.sort().values), "In another order of the group other members are chosen.")


def _advantages() -> list[Tensor]:
    """Of one group (G,): drawn, flat, with a single winner."""
    single = torch.full((SIZE,), -0.1)
    single[2] = 1.0
    return [*(torch.randn(SIZE, generator=_rng(seed)) for seed in range(3)), torch.zeros(SIZE), single]


def _expect_indices(index: Tensor, end: int, what: str) -> None:
    expect(index.dtype == torch.int64 and index.device.type == "cpu", f"{what} must be int64 on the CPU.")
    expect(index.shape[-1] > 0, f"{what} are none.")
    expect(bool((index >= 0).all() & (index < end).all()), f"{what} leave the range 0 .. {end - 1}: {index.tolist()}.")
    expect(bool((index.diff(dim=-1) > 0).all()), f"{what} must be ascending and distinct: {index.tolist()}.")


def _plan(steps: StepSelector, iteration: int) -> StepPlan:
    return steps.plan(iteration, SIGMAS, SIZE, _rng(iteration))


def _rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


STEP_CHECKS = (
    check_grid_descends_from_one_to_zero,
    check_trained_steps_are_valid_indices,
    check_trained_steps_are_all_noisy_or_none,
    check_plan_is_pure,
)
ANCHOR_CHECKS = (check_anchors_are_valid_indices, check_anchors_are_pure)
MEMBER_CHECKS = (
    check_members_are_valid_indices,
    check_members_are_as_many_for_any_advantages,
    check_members_follow_their_advantages,
)
