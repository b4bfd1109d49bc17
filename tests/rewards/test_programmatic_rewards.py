"""Sharpness and smoothness of pictures and videos whose value is known."""

import cv2
import numpy as np
import pytest
import torch

from genrl.errors import RewardError
from genrl.rewards import RewardPanel, RewardTerm, Sharpness, TemporalSmoothness
from genrl.rewards.media import as_bytes
from genrl.types import Prompt


def score(reward, pixels):
    return RewardPanel([RewardTerm("r", reward)]).score([Prompt("p")] * len(pixels), pixels).values[0]


def test_sharpness_of_known_pictures():
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    board = ((rows + columns) % 2).float().expand(3, 32, 32)
    ramp = (columns / 31).expand(3, 32, 32)
    coarse = ((rows // 8 + columns // 8) % 2).float().expand(3, 32, 32)
    sharp, smooth, middle, flat = score(Sharpness(), torch.stack([board, ramp, coarse, torch.full((3, 32, 32), 0.3)]))
    assert sharp == pytest.approx(1.0, abs=1e-6)
    assert smooth == pytest.approx(0.0, abs=1e-9)
    assert flat == 0.0
    assert 0.01 < middle < 0.5


def test_sharpness_is_that_of_opencv():
    pixels = as_bytes(torch.rand(2, 3, 40, 50, generator=torch.Generator().manual_seed(0))) / 255
    for picture, found in zip(pixels, score(Sharpness(), pixels), strict=True):
        grey = cv2.cvtColor(picture.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY).astype(np.float64)
        expected = cv2.Laplacian(grey, cv2.CV_64F)[1:-1, 1:-1].var() / 16
        assert found == pytest.approx(expected, rel=1e-4)


def test_sharpness_of_videos_is_the_mean_of_their_frames():
    frames = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(score(Sharpness(), frames.view(2, 3, 3, 16, 16)), score(Sharpness(), frames).view(2, 3).mean(1))


def test_temporal_smoothness_of_known_videos():
    still = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)).expand(4, 3, 8, 8)
    flicker = torch.tensor([0.0, 1.0, 0.0, 1.0])[:, None, None, None].expand(4, 3, 8, 8)
    half = torch.tensor([0.0, 0.5, 0.5, 0.5])[:, None, None, None].expand(4, 3, 8, 8)
    values = score(TemporalSmoothness(), torch.stack([still, flicker, half]))
    assert values.tolist() == pytest.approx([1.0, 0.0, 1 - 0.5 / 3])


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (2, 1, 3, 8, 8)])
def test_temporal_smoothness_wants_videos(shape):
    with pytest.raises(RewardError, match="compares the frames of a video"):
        score(TemporalSmoothness(), torch.rand(shape))
