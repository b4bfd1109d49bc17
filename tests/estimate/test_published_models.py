"""Measured operations are those of the published models, which were also counted by hand from their architectures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genrl.config import resolve
from genrl.estimate import advise, estimate, find_gpu
from genrl.estimate.tally import tally
from genrl.models import load_model
from genrl.models.hollow import animate
from tests.estimate.published import flux_dev, sd35_medium

#: folder, side of the picture, TFLOP of one forward of one row: matrix products and attention, 2 for a multiply-add.
FORWARDS = (
    pytest.param(flux_dev, 720, 37.3, id="flux-720"),
    pytest.param(flux_dev, 1024, 74.4, id="flux-1024", marks=pytest.mark.slow),
    pytest.param(sd35_medium, 512, 2.44, id="sd35-medium-512"),
)


@pytest.mark.parametrize(("write", "side", "expected"), FORWARDS)
def test_forward(write, side: int, expected: float, tmp_path: Path) -> None:
    call = {"height": side, "width": side, "guidance_scale": 1.0}
    model = load_model(write(tmp_path), call=call, dtype="bfloat16", device="meta")
    animate(model.pipe)
    condition, _ = model.encode(["a red cat"])
    latents = torch.zeros(1, *model.latent_shape())
    with torch.no_grad():
        cost = tally(lambda: model.velocity(latents, 0.5, condition))
    assert cost.flops / 1e12 == pytest.approx(expected, rel=0.005)


@pytest.mark.slow
def test_flux_on_one_h100(tmp_path: Path) -> None:
    """Neighbor GRPO on FLUX at 720^2 with LoRA in bfloat16: it fits once learning takes few rows and recomputes."""
    sets = [f"model.call.{side}=720" for side in ("height", "width")]
    config = resolve("neighbor-grpo", sets=[*sets, "model.dtype=bfloat16"], flags={"model.path": str(flux_dev(tmp_path))})
    found = estimate(config, find_gpu("h100"))
    trained, total = found.networks["transformer"]
    assert total - trained == pytest.approx(11.9e9, rel=0.01)
    # LoRA: forward, the gradient of the activations, and little more.
    assert found.costs.trained.flops / found.costs.forward.flops == pytest.approx(2.2, abs=0.15)
    # Without checkpointing a row takes about 27 GB.
    assert found.costs.trained.peak == pytest.approx(27e9, rel=0.1)
    assert not found.fits
    advice = advise(found)
    assert advice.outcome is not None
    assert advice.outcome.fits
    assert any(setting.startswith("train.rows=") for setting in advice.settings)
