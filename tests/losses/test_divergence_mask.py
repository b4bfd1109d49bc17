from __future__ import annotations

import pytest
import torch

from genrl.errors import ConfigError
from genrl.losses import DivergenceMask

B = 4
DIVERGENCE = torch.tensor([0.0, 0.5, 1.0, 2.0], dtype=torch.float64)


def gradient(log_ratio, advantage, objective=DivergenceMask(threshold=1.0)):  # noqa: B008
    log_ratio = log_ratio.clone().requires_grad_()
    loss, metrics = objective(log_ratio, advantage, DIVERGENCE)
    loss.backward()
    return loss.item(), log_ratio.grad, metrics


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_masks_what_is_far_and_goes_on(sign):
    away, back = torch.full((B, 1), 0.1 * sign).double(), torch.full((B, 1), -0.1 * sign).double()
    advantage = torch.full((B, 1), sign).double()
    loss, slope, metrics = gradient(away, advantage)
    assert (slope[2:] == 0.0).all()
    assert torch.allclose(slope[:2], -advantage[:2] * away[:2].exp() / B)
    assert loss == pytest.approx((-advantage[:2] * away[:2].exp()).sum().item() / B)
    assert metrics["clip_ratio/region_mean"] == 0.5
    assert metrics["clip_ratio/high_mean" if sign > 0 else "clip_ratio/low_mean"] == 0.5
    assert metrics["divergence"] == pytest.approx(DIVERGENCE.mean().item())
    _, slope, metrics = gradient(back, advantage)
    assert torch.allclose(slope, -advantage * back.exp() / B)
    assert metrics["clip_ratio/region_mean"] == 0.0


def test_a_ratio_of_one_is_never_masked():
    advantage = torch.tensor([[1.0], [-1.0], [2.0], [-7.0]]).double()
    _, slope, _ = gradient(torch.zeros(B, 1).double(), advantage)
    assert torch.equal(slope, -advantage.clamp(-5.0, 5.0) / B)


def test_what_cannot_work_is_refused():
    with pytest.raises(ConfigError, match="objective=clipped"):
        DivergenceMask()(torch.zeros(1, 1), torch.zeros(1, 1))
    with pytest.raises(ConfigError, match="threshold"):
        DivergenceMask(threshold=0.0)
