from __future__ import annotations

import pytest
import torch

from genrl.errors import ConfigError
from genrl.perturbers import Independent, Neighborhood, Shared

SHAPE = (16, 90, 90)
D = 16 * 90 * 90


def drawn(perturber, seed=0, size=6, shape=SHAPE):
    return perturber(size, shape, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("perturber", "covariance"),
    [(Independent(), 0.0), (Shared(), 1.0), (Neighborhood(0.3), 1 - 0.3**2), (Neighborhood(0.7), 1 - 0.7**2)],
)
def test_rows_are_standard_normal_with_the_declared_covariance(perturber, covariance):
    noise = drawn(perturber).flatten(1).double()
    assert noise.mean(dim=1).abs().max() < 5 / D**0.5
    assert (noise.var(dim=1) - 1).abs().max() < 5 * (2 / D) ** 0.5
    pairs = (noise @ noise.T / D)[torch.triu_indices(6, 6, 1).unbind()]
    assert (pairs - covariance).abs().max() < 5 * (2 / D) ** 0.5


@pytest.mark.parametrize("sigma", [0.1, 0.3, 1.0])
def test_neighbors_are_two_sigma_squared_d_apart(sigma):
    noise = drawn(Neighborhood(sigma)).flatten(1)
    distances = torch.pdist(noise).square()
    assert torch.allclose(distances, torch.full_like(distances, 2 * sigma**2 * D), rtol=0.01)


def test_marginal_over_many_groups_is_standard_normal():
    rng = torch.Generator().manual_seed(0)
    draws = torch.stack([Neighborhood(0.3)(3, (5,), rng) for _ in range(4000)])
    assert draws.mean(dim=0).abs().max() < 5 / 4000**0.5
    assert (draws.var(dim=0) - 1).abs().max() < 5 * (2 / 4000) ** 0.5


def test_the_ends_of_sigma_are_shared_and_independent():
    assert torch.equal(drawn(Neighborhood(0.0)), drawn(Shared()))
    unit = drawn(Neighborhood(1.0)).flatten(1) / D**0.5
    assert (unit @ unit.T - torch.eye(6)).abs().max() < 0.02


@pytest.mark.parametrize("perturber", [Independent(), Shared(), Neighborhood()])
@pytest.mark.parametrize("shape", [(7,), (3, 4, 4)])
def test_noise_is_a_pure_function_of_the_generator(perturber, shape):
    noise = drawn(perturber, seed=1, shape=shape)
    assert noise.shape == (6, *shape)
    assert noise.dtype == torch.float32
    assert noise.is_contiguous()
    assert torch.equal(noise, drawn(perturber, seed=1, shape=shape))
    assert not torch.equal(noise, drawn(perturber, seed=2, shape=shape))


@pytest.mark.parametrize("sigma", [-0.1, 1.1, float("nan")])
def test_sigma_outside_the_unit_interval_is_refused(sigma):
    with pytest.raises(ConfigError, match=r"neighborhood.sigma .* \[0, 1\]"):
        Neighborhood(sigma)
