"""The rewards that ship measure what they say, row by row."""

import pytest
import torch

from genrl.registry import entries
from genrl.rewards import Colorfulness, JpegSize, RandomReward, RewardPanel, RewardTerm
from genrl.types import Prompt


def score(reward, pixels, prompts=None):
    prompts = [Prompt(text) for text in prompts or ["p"] * len(pixels)]
    return RewardPanel([RewardTerm("r", reward)]).score(prompts, pixels).values[0]


@pytest.fixture
def flat_smooth_noise():
    ramp = torch.linspace(0, 1, 64).expand(3, 64, 64)
    noise = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    return torch.stack([torch.full((3, 64, 64), 0.4), ramp, noise])


def test_shipped_rewards_are_registered():
    assert {"colorfulness", "jpeg-size", "random"} <= entries("reward").keys()


@pytest.mark.parametrize("reward", [JpegSize(), JpegSize(compressible=False), Colorfulness(), RandomReward()])
def test_rows_are_judged_alone_and_videos_too(reward, flat_smooth_noise):
    together = score(reward, flat_smooth_noise)
    alone = torch.cat([score(reward, picture[None]) for picture in flat_smooth_noise])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=0)
    videos = flat_smooth_noise[:, None].expand(-1, 2, -1, -1, -1)
    if not isinstance(reward, RandomReward):  # a still video is judged like its picture
        torch.testing.assert_close(score(reward, videos), together, rtol=1e-9, atol=1e-12)
    assert score(reward, videos).shape == (3,)


def test_jpeg_size(flat_smooth_noise):
    flat, smooth, noise = score(JpegSize(), flat_smooth_noise)
    assert 0 > flat > smooth > noise
    torch.testing.assert_close(score(JpegSize(compressible=False), flat_smooth_noise), -score(JpegSize(), flat_smooth_noise))
    assert score(JpegSize(quality=95), flat_smooth_noise)[2] < noise


def test_jpeg_size_is_bits_per_pixel():
    noise = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    small, large = score(JpegSize(), noise[..., :128, :128]), score(JpegSize(), noise)
    torch.testing.assert_close(small, large, rtol=0.1, atol=0)


def test_colorfulness():
    grey = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)).expand(1, 3, 8, 8)
    red = torch.zeros(1, 3, 8, 8)
    red[:, 0] = 1
    halves = red.clone()
    halves[..., 4:] = torch.tensor([0.0, 0.0, 1.0])[:, None, None]
    values = score(Colorfulness(), torch.cat([grey, red, halves]))
    assert values[0] == pytest.approx(0, abs=1e-7)
    # Pure red: rg = 1, yb = 1/2 everywhere. Half red, half blue: rg is 1 and 0, yb is 1/2 and -1.
    assert values[1] == pytest.approx(0.3 * (1 + 0.25) ** 0.5)
    assert values[2] == pytest.approx((0.25 + 0.5625) ** 0.5 + 0.3 * (0.25 + 0.0625) ** 0.5)


def test_random_depends_on_prompt_pixels_and_seed_alone(flat_smooth_noise):
    values = score(RandomReward(), flat_smooth_noise)
    assert torch.equal(values, score(RandomReward(), flat_smooth_noise))
    assert torch.equal(values.flip(0), score(RandomReward(), flat_smooth_noise.flip(0)))
    assert not torch.any(values == score(RandomReward(seed=1), flat_smooth_noise))
    assert not torch.any(values == score(RandomReward(), flat_smooth_noise, ["a", "b", "c"]))
    assert not torch.any(values == score(RandomReward(), flat_smooth_noise * 0.9))


def test_random_is_uniform():
    noise = torch.rand(4000, 3, 2, 2, generator=torch.Generator().manual_seed(3))
    values = score(RandomReward(), noise)
    assert values.min() >= 0
    assert values.max() < 1
    # Five standard errors of the mean and of the variance of 4000 uniform numbers.
    assert abs(values.mean() - 1 / 2) < 5 * (1 / 12 / 4000) ** 0.5
    assert abs(values.var() - 1 / 12) < 5 * (1 / 180 / 4000) ** 0.5
