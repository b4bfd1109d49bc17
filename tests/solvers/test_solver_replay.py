"""What every solver owes the learning loop: replay to the bit, untouched inputs, kept dtype, no hidden state."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from genrl.protocols import Solver
from genrl.registry import is_component
from genrl.solvers import CPS, DanceSDE, DPMSolverPP, Euler, FlowSDE, Heun, Mixed
from genrl.types import take
from tests.solvers.toy import curved, uniform, walk

SOLVERS = [
    Euler(),
    Heun(),
    DPMSolverPP(),
    DPMSolverPP(order=1),
    FlowSDE(),
    DanceSDE(),
    CPS(),
    Mixed(),
    Mixed(ode=DPMSolverPP()),
    Mixed(DanceSDE(), tail=DPMSolverPP()),
]
SIGMAS = (1.0, *uniform(0.95, 0.0, 6))
NOISY = (False, True, True, False, False, False, False)
every_solver = pytest.mark.parametrize("solver", SOLVERS, ids=repr)


def noise(dtype: torch.dtype) -> Tensor:
    return torch.randn(6, 3, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


@every_solver
@pytest.mark.parametrize("rows", [torch.arange(6), torch.tensor([4, 1]), torch.tensor([5])], ids=len)
def test_replay_of_any_rows_at_any_step_is_bitwise_the_rollout(solver: Solver, rows: Tensor) -> None:
    with torch.no_grad():
        seen = walk(solver, noise(torch.float32), SIGMAS, NOISY)
    for k, (x, carry, step) in enumerate(seen):
        replayed = solver.step(curved, x[rows], SIGMAS[k], SIGMAS[k + 1], take(carry, rows), NOISY[k])
        assert torch.equal(replayed.mean, step.mean[rows])
        assert torch.equal(replayed.x0, step.x0[rows])
        assert replayed.std == step.std


@every_solver
def test_std_is_a_float_and_positive_only_where_noise_was_asked_for(solver: Solver) -> None:
    for noisy, (_, _, step) in zip(NOISY, walk(solver, noise(torch.float32), SIGMAS, NOISY), strict=True):
        assert type(step.std) is float
        assert (step.std > 0.0) == (noisy and solver.noisy)


@every_solver
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept(solver: Solver, dtype: torch.dtype) -> None:
    for _, _, step in walk(solver, noise(dtype), SIGMAS, NOISY):
        assert step.mean.dtype == step.x0.dtype == dtype
        assert step.mean.isfinite().all()


@every_solver
def test_inputs_are_not_mutated(solver: Solver) -> None:
    answers: list[tuple[Tensor, Tensor]] = []

    def velocity(y: Tensor, s: float) -> Tensor:
        answers.append((v := curved(y, s), v.clone()))
        return v

    for k, (x, carry, _) in enumerate(walk(solver, noise(torch.float32), SIGMAS, NOISY)):
        before = copy.deepcopy((x, carry))
        solver.step(velocity, x, SIGMAS[k], SIGMAS[k + 1], carry, NOISY[k])
        assert _equal((x, carry), before)
    assert len(answers) >= len(NOISY)
    assert all(torch.equal(answer, kept) for answer, kept in answers)


@every_solver
def test_a_solver_is_a_component(solver: Solver) -> None:
    assert is_component(solver)
    assert solver.kind == "solver"  # type: ignore[attr-defined]
    assert hash(solver) == hash(copy.deepcopy(solver))
    assert solver.evaluations in (1, 2)
    assert isinstance(solver.noisy, bool)


@every_solver
def test_a_chain_of_steps_is_differentiated_exactly(solver: Solver) -> None:
    """Histories keep their graph, so the gradient of a whole trajectory is the finite difference's."""
    x = noise(torch.float64).requires_grad_()
    direction = torch.ones_like(x)
    (gradient,) = torch.autograd.grad(walk(solver, x, SIGMAS, NOISY)[-1][2].mean.sum(), x)
    h = 1e-6
    up, down = (walk(solver, x.detach() + k * h * direction, SIGMAS, NOISY)[-1][2].mean.sum() for k in (1, -1))
    torch.testing.assert_close(gradient.sum(), (up - down) / (2 * h), rtol=1e-6, atol=1e-6)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, tuple):
        return all(_equal(p, q) for p, q in zip(a, b, strict=True))
    return bool(a == b)
