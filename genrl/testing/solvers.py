"""Invariants of a solver: right on flows with a known answer, replayable to the bit, without memory of its own."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genrl.protocols import Solver, Velocity
from genrl.schedule import shift_grid
from genrl.solvers import Euler
from genrl.testing.check import expect, expect_close
from genrl.testing.toy import GaussianFlow
from genrl.types import Step, take

TOY = GaussianFlow()
#: A walk that starts at 1, ends at 0, and has noise before, between and after deterministic steps.
SIGMAS = shift_grid(7, 2.0)
NOISY = (False, True, True, False, True, False, False)


def check_integrates_a_constant_field_exactly(solver: Solver) -> None:
    x, v = _x(torch.float64), _x(torch.float64, seed=1)
    end = solve(solver, lambda y, s: v, x, shift_grid(8, 3.0))
    expect_close(end, x - v, "Under a constant velocity v the deterministic solution is x - v", atol=1e-10)


def check_converges_on_an_interior_interval(solver: Solver) -> None:
    """Away from the ends, where multistep solvers fall back to order one; halving the steps halves the error at least."""
    x = _x(torch.float64)
    exact = TOY.flow(x, 0.9, 0.1)
    grids = [tuple(0.9 - 0.8 * k / n for k in range(n + 1)) for n in (64, 128)]
    coarse, fine = ((solve(solver, TOY.velocity, x, grid) - exact).abs().max().item() for grid in grids)
    expect(fine <= coarse / 1.8, f"Twice the steps must halve the error at least; it went from {coarse:.2e} to {fine:.2e}.")


def check_is_as_accurate_as_euler(solver: Solver) -> None:
    x = _x(torch.float64)
    exact, grid = TOY.flow(x, 1.0, 0.0), shift_grid(16, 3.0)
    error, bound = ((solve(s, TOY.velocity, x, grid) - exact).abs().max().item() for s in (solver, Euler()))
    expect(error <= 1.05 * bound, f"Over the whole grid its error is {error:.2e}, Euler's is {bound:.2e}.")


def check_keeps_the_marginals(solver: Solver) -> None:
    """40,000 samples through 200 noisy steps: every marginal must be that of the exact flow, to 5 %."""
    rng, sigmas = _rng(2), shift_grid(200, 1.0)
    x, carry = torch.randn(40_000, 1, generator=rng, dtype=torch.float64), None
    for k, (s, t) in enumerate(pairwise(sigmas)):
        step = solver.step(TOY.velocity, x, s, t, carry, True)
        x, carry = _sampled(step, rng), step.carry
        if k in (99, 149, 199):
            for name, value, exact in (
                ("mean", x.mean().item(), TOY.marginal_mean(t)),
                ("variance", x.var().item(), TOY.marginal_variance(t)),
            ):
                expect(abs(value / exact - 1.0) < 0.05, f"At sigma {t:.3f} the {name} is {value:.4f}, not {exact:.4f}.")


def check_is_replayed_to_the_bit(solver: Solver) -> None:
    """Any rows, at any step, from the stored state and carry."""
    with torch.no_grad():
        seen = _walk(solver, _x(torch.float32))
    for rows in (torch.arange(6), torch.tensor([4, 1]), torch.tensor([5])):
        for k, (x, carry, step) in enumerate(seen):
            again = _step(solver, curved, x[rows], k, take(carry, rows))
            expect(
                torch.equal(again.mean, step.mean[rows]) and torch.equal(again.x0, step.x0[rows]) and again.std == step.std,
                f"Step {k}, made again from what was stored for {len(rows)} rows, is not the step that was made.",
            )


def check_has_noise_exactly_where_asked(solver: Solver) -> None:
    """On the inner steps; a step to 0 may stay deterministic."""
    for k, (_, _, step) in enumerate(_walk(solver, _x(torch.float32))[:-1]):
        expect(type(step.std) is float, f"std must be a Python float, not {type(step.std).__name__}.")
        asked = NOISY[k] and solver.noisy
        expect((step.std > 0.0) == asked, f"Step {k} was{'' if asked else ' not'} to be noisy; its std is {step.std}.")


def check_first_asks_at_its_own_state(solver: Solver) -> None:
    """The rollout keeps the first answer as the velocity of the stored state."""
    for k, (x, carry, _) in enumerate(_walk(solver, _x(torch.float32))):
        first = _asked(solver, x, k, carry)[0]
        own = first.sigma == SIGMAS[k] and torch.equal(first.x, x)
        expect(own, f"Step {k} first asks elsewhere than at its own state.")


def check_asks_as_often_as_declared(solver: Solver) -> None:
    """`evaluations` is the most that a step asks; the network is never asked at sigma = 0, where nobody trains it."""
    asked = [_asked(solver, x, k, carry) for k, (x, carry, _) in enumerate(_walk(solver, _x(torch.float32)))]
    most = max(len(questions) for questions in asked)
    expect(most == solver.evaluations, f"`evaluations` says {solver.evaluations}, a step asks {most} times.")
    expect(all(question.sigma > 0.0 for questions in asked for question in questions), "The network is asked at sigma = 0.")


def check_gives_the_clean_estimate(solver: Solver) -> None:
    for k, (x, _, step) in enumerate(_walk(solver, _x(torch.float64))):
        expect_close(step.x0, x - SIGMAS[k] * curved(x, SIGMAS[k]), "`x0` must be x - sigma v(x, sigma)", atol=1e-10)


def check_leaves_its_inputs_alone(solver: Solver) -> None:
    for k, (x, carry, _) in enumerate(_walk(solver, _x(torch.float32))):
        before = copy.deepcopy((x, carry))
        questions = _asked(solver, x, k, carry)
        expect(_same((x, carry), before), f"Step {k} writes to its state or its carry.")
        kept = all(torch.equal(question.answer, question.copy) for question in questions)
        expect(kept, f"Step {k} writes to the velocity it was given.")


def check_keeps_the_dtype(solver: Solver) -> None:
    for dtype in (torch.float32, torch.float64):
        for k, (_, _, step) in enumerate(_walk(solver, _x(dtype))):
            expect(step.mean.dtype == step.x0.dtype == dtype, f"Step {k} turns {dtype} into {step.mean.dtype}.")
            expect(step.mean.isfinite().all() & step.x0.isfinite().all(), f"Step {k} is not finite.")


def check_passes_the_gradient_on(solver: Solver) -> None:
    for k, (x, carry, _) in enumerate(_walk(solver, _x(torch.float64))):
        scale = torch.ones((), dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(_step(solver, _scaled(scale), x, k, carry).mean.sum(), scale)
        expect(bool(slope.isfinite()) and slope.item() != 0.0, f"No gradient reaches the velocity through step {k}.")


def solve(solver: Solver, velocity: Velocity, x: Tensor, sigmas: Sequence[float]) -> Tensor:
    """The end of the deterministic trajectory from `x` at sigmas[0]."""
    carry = None
    for s, t in pairwise(sigmas):
        step = solver.step(velocity, x, s, t, carry, False)
        x, carry = step.mean, step.carry
    return x


def curved(x: Tensor, sigma: float) -> Tensor:
    """A velocity that is nonlinear in x and curved in sigma; elementwise, so rows do not depend on their batch."""
    return x * (0.5 + sigma) - torch.tanh(x) * (1.0 - 0.3 * sigma)


def _scaled(scale: Tensor) -> Velocity:
    return lambda x, sigma: scale * curved(x, sigma)


def _walk(solver: Solver, x: Tensor) -> list[tuple[Tensor, Any, Step]]:
    """A rollout of `curved`: (state, carry that went in, step that came out) at each step."""
    rng, carry, seen = _rng(0), None, []
    for k in range(len(NOISY)):
        step = _step(solver, curved, x, k, carry)
        seen.append((x, carry, step))
        x, carry = _sampled(step, rng), step.carry
    return seen


def _step(solver: Solver, velocity: Velocity, x: Tensor, k: int, carry: Any) -> Step:
    return solver.step(velocity, x, SIGMAS[k], SIGMAS[k + 1], carry, NOISY[k])


class _Question(NamedTuple):
    """Where the network was asked, its answer, and a copy of that at the time."""

    x: Tensor
    sigma: float
    answer: Tensor
    copy: Tensor


def _asked(solver: Solver, x: Tensor, k: int, carry: Any) -> list[_Question]:
    questions: list[_Question] = []

    def velocity(y: Tensor, s: float) -> Tensor:
        answer = curved(y, s)
        questions.append(_Question(y.clone(), s, answer, answer.clone()))
        return answer

    _step(solver, velocity, x, k, carry)
    return questions


def _sampled(step: Step, rng: torch.Generator) -> Tensor:
    return step.mean + step.std * torch.randn(step.mean.shape, generator=rng, dtype=step.mean.dtype)


def _x(dtype: torch.dtype, seed: int = 0) -> Tensor:
    return torch.randn(6, 3, 7, generator=_rng(seed), dtype=torch.float64).to(dtype)


def _rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, tuple):
        return all(_same(p, q) for p, q in zip(a, b, strict=True))
    return bool(a == b)


CHECKS = (
    check_integrates_a_constant_field_exactly,
    check_converges_on_an_interior_interval,
    check_is_as_accurate_as_euler,
    check_keeps_the_marginals,
    check_is_replayed_to_the_bit,
    check_has_noise_exactly_where_asked,
    check_first_asks_at_its_own_state,
    check_asks_as_often_as_declared,
    check_gives_the_clean_estimate,
    check_leaves_its_inputs_alone,
    check_keeps_the_dtype,
    check_passes_the_gradient_on,
)
