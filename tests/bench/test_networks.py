"""The built-in models have their published sizes, and genrl drives them as any other pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from genrl.bench.networks import flux_dev, made_on, sd3_30m, sd35_medium
from genrl.bench.workloads import BUILT_IN, configured
from genrl.models import DiffusersModel
from genrl.models.hollow import animate


@pytest.mark.parametrize(
    ("name", "make", "parameters", "latents"),
    [
        ("sd3-30m", sd3_30m, 30.1e6, (16, 16, 16)),
        ("sd35-medium", sd35_medium, 2.24e9, (16, 64, 64)),
        ("flux-720", flux_dev, 11.9e9, (45 * 45, 64)),
    ],
)
def test_size_and_latents(name: str, make: Callable[[], Any], parameters: float, latents: tuple[int, ...]) -> None:
    config, _ = configured(name, None, (), "cpu")
    assert BUILT_IN[name].pipeline is make
    with made_on(torch.device("meta"), torch.bfloat16):
        pipe = make()
    model = DiffusersModel(pipe, config.model.call)
    network = model.networks["transformer"]
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(parameters, rel=0.02)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}
    animate(pipe)
    assert model.latent_shape() == latents
    condition, _ = model.encode(["a red circle"])
    assert model.velocity(torch.zeros(1, *latents), 1.0, condition).shape == (1, *latents)


def test_what_is_made_on_a_device_leaves_the_default_type_alone() -> None:
    with pytest.raises(KeyError), made_on(torch.device("meta"), torch.bfloat16):
        assert (torch.empty(1).dtype, torch.empty(1).device.type) == (torch.bfloat16, "meta")
        raise KeyError
    assert (torch.empty(1).dtype, torch.empty(1).device.type) == (torch.float32, "cpu")
