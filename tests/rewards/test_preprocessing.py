"""Tensors are prepared as transformers' PIL processors prepare images, up to PIL's rounding to bytes."""

import pytest
import torch
from PIL import Image
from transformers import CLIPImageProcessorPil

from genrl.errors import RewardError
from genrl.rewards.media import as_bytes
from genrl.rewards.preprocessing import Preprocessing, letterboxed

SETTINGS = [
    {},
    {"size": {"shortest_edge": 256}, "image_mean": [0.1, 0.5, 0.9], "image_std": [0.5, 1.0, 2.0]},
    {"size": {"height": 224, "width": 200}, "do_center_crop": False, "resample": 2},
    {"size": {"shortest_edge": 150}, "crop_size": {"height": 223, "width": 226}},
    {"do_resize": False, "do_normalize": False, "crop_size": {"height": 65, "width": 64}},
]


def pictures(height: int, width: int) -> torch.Tensor:
    """Noise, and smooth colour fields; whole bytes, so that both ways begin from the same."""
    rng = torch.Generator().manual_seed(height)
    noise, coarse = torch.rand(1, 3, height, width, generator=rng), torch.rand(1, 3, 7, 5, generator=rng)
    return as_bytes(torch.cat([noise, torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")])) / 255


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("size", [(512, 384), (301, 400), (100, 141), (32, 32)])
def test_equals_the_processor(settings, size):
    processor, pixels = CLIPImageProcessorPil(**settings), pictures(*size)
    images = [Image.fromarray(as_bytes(picture).permute(1, 2, 0).numpy()) for picture in pixels]
    expected = processor(images, return_tensors="pt").pixel_values
    preprocessing = Preprocessing.of(processor)
    found = preprocessing(pixels)
    assert found.dtype == torch.float32
    off = (found - expected).abs() * torch.tensor(preprocessing.std)[:, None, None] * 255
    # Half a byte in each direction, the first of which passes through the second's kernel, with sum |w| up to 1.3.
    assert off.max() < (1.25 if settings.get("do_resize", True) else 1e-4)
    assert off.mean() < 0.4


def test_has_the_gradient_of_what_it_does():
    pixels = pictures(48, 40).double().requires_grad_()
    preprocessing = Preprocessing.of(CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}))
    way = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1e-3
    (gradient,) = torch.autograd.grad((preprocessing(pixels) ** 2).sum(), pixels)
    with torch.no_grad():
        ahead, behind = ((preprocessing(pixels + sign * way) ** 2).double().sum() for sign in (1, -1))
    torch.testing.assert_close((gradient * way).sum(), (ahead - behind) / 2, rtol=1e-2, atol=0)


def test_black_bars():
    tall = torch.ones(1, 3, 64, 33)
    boxed = letterboxed(tall, 32)
    assert boxed.shape == (1, 3, 32, 32)
    # 33 * 32/64 rounds to 16 columns, in the middle.
    assert (boxed[..., 8:24] > 0.9999).all()
    assert (boxed[..., :8] == 0).all()
    assert (boxed[..., 24:] == 0).all()
    square = pictures(32, 32)
    assert torch.equal(letterboxed(square, 32), square)


def test_refuses_what_it_cannot_do():
    with pytest.raises(RewardError, match="PIL's filter 1 cannot be followed on tensors"):
        Preprocessing.of(CLIPImageProcessorPil(resample=1))
