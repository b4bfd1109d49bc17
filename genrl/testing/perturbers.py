"""Invariants of a perturber: each row is standard normal, and a pure function of the generator."""

from __future__ import annotations

import torch
from torch import Tensor

from genrl.protocols import Perturber
from genrl.testing.check import expect, expect_close

SIZE = 5


def check_has_the_asked_shape(perturber: Perturber) -> None:
    for size, shape in ((SIZE, (7,)), (SIZE, (3, 4, 4)), (2, (2, 3, 4, 4)), (1, (6,))):
        noise = perturber(size, shape, _rng(0))
        expect(noise.shape == (size, *shape), f"Asked for {(size, *shape)} it gave {tuple(noise.shape)}.")
        expect(noise.dtype == torch.float32, f"Noise must be float32, not {noise.dtype}.")


def check_is_a_pure_function_of_the_generator(perturber: Perturber) -> None:
    noise = [perturber(SIZE, (8,), _rng(seed)) for seed in (1, 1, 2)]
    expect(torch.equal(noise[0], noise[1]), "The same generator state gave other noise; draw from `rng` only.")
    expect(not torch.equal(noise[0], noise[2]), "Another generator state gave the same noise; draw from `rng`.")


def check_rows_of_one_draw_are_standard_normal(perturber: Perturber) -> None:
    """Bounds are about five standard errors at D = 50,000."""
    noise = perturber(SIZE, (50_000,), _rng(3)).double()
    for name, moment, expected, bound in (
        ("mean", noise.mean(dim=1), 0.0, 0.025),
        ("mean square", noise.square().mean(dim=1), 1.0, 0.035),
        ("mean fourth power", noise.pow(4).mean(dim=1), 3.0, 0.25),
    ):
        expect_close(moment, _full(moment, expected), f"The {name} of a row must be {expected:g}", atol=bound)


def check_rows_over_many_draws_are_standard_normal(perturber: Perturber) -> None:
    """Mean and covariance of each row; bounds are about five standard errors at 4,000 draws."""
    rng = _rng(4)
    rows = torch.stack([perturber(3, (4,), rng) for _ in range(4_000)]).double().transpose(0, 1)
    mean = rows.mean(dim=1)
    expect_close(mean, torch.zeros_like(mean), "Over many draws the mean of each row must be 0", atol=0.08)
    covariance = rows.transpose(1, 2) @ rows / rows.shape[1]
    identity = torch.eye(4, dtype=rows.dtype).expand_as(covariance)
    expect_close(covariance, identity, "Over many draws the covariance of each row must be I", atol=0.12)


def _full(like: Tensor, value: float) -> Tensor:
    return torch.full_like(like, value)


def _rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


CHECKS = (
    check_has_the_asked_shape,
    check_is_a_pure_function_of_the_generator,
    check_rows_of_one_draw_are_standard_normal,
    check_rows_over_many_draws_are_standard_normal,
)
