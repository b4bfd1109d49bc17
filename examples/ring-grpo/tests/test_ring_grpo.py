from __future__ import annotations

import math

import pytest
import torch
from ring_grpo import Ring

from genrl.errors import ConfigError
from genrl.testing import Result, assert_conforms, check_plugin


def test_everything_it_registers_conforms() -> None:
    results: list[Result] = check_plugin("ring_grpo")
    assert {result.component for result in results} == {"perturber ring", "algorithm ring-grpo"}
    assert_conforms(results)


@pytest.mark.parametrize("radius", [0.0, 0.4, 1.0])
def test_members_have_the_covariance_of_the_ring(radius: float) -> None:
    size, dimensions = 6, 200_000
    noise = Ring(radius)(size, (dimensions,), torch.Generator().manual_seed(0)).double()
    angle = 2.0 * math.pi * torch.arange(size) / size
    expected = 1.0 - radius**2 + radius**2 * (angle[:, None] - angle).cos()
    assert torch.allclose(noise @ noise.T / dimensions, expected.double(), atol=0.015)


def test_radius_outside_the_unit_interval_is_refused() -> None:
    with pytest.raises(ConfigError, match="must lie in"):
        Ring(radius=1.2)
