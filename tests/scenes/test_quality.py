"""Known ways to cheat lose against clean pictures, and every fault costs more the larger it is."""

import pytest
import torch
from torch.nn import functional

from genrl.scenes.quality import rendering_quality


def _grey(pictures):
    return pictures.mean(1, keepdim=True)


def saturate(pictures, amount):
    return _grey(pictures) + (pictures - _grey(pictures)) * (1 + amount)


def fade(pictures, amount):
    return _grey(pictures) + (pictures - _grey(pictures)) * (1 - amount)


def noise(pictures, amount):
    return pictures + 0.2 * amount * torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0))


def patch_grid(pictures, amount):
    grid = torch.zeros(32, 32)
    grid[::4] = grid[:, ::4] = -0.08 * amount
    return pictures + grid


def bleach(pictures, amount):
    ground = (pictures - _grey(pictures)).abs().amax(1, keepdim=True) < 0.08
    return torch.where(ground, pictures + amount * (1 - pictures), pictures)


def blur(pictures, amount):
    padded = functional.pad(pictures, (2, 2, 2, 2), mode="replicate")
    return pictures + amount * (functional.avg_pool2d(padded, 5, 1) - pictures)


def inflate(pictures, amount):
    size = int(32 / (1 - amount))
    large = functional.interpolate(pictures, size=(size, size), mode="bilinear")
    start = (size - 32) // 2
    return large[:, :, start : start + 32, start : start + 32]


@pytest.mark.parametrize("fault", [saturate, fade, noise, patch_grid, bleach, blur])
def test_every_fault_costs_and_more_of_it_costs_more(clean, fault):
    pictures = clean.pictures[:100]
    qualities = [rendering_quality(fault(pictures, a).clamp(0, 1)).mean().item() for a in (0.0, 0.35, 0.7)]
    assert qualities[0] > qualities[1] + 0.01 > qualities[2] + 0.02


def test_inflated_blobs_lose(clean):
    chosen = clean.pictures[:200]
    assert rendering_quality(inflate(chosen, 0.6)).mean() < rendering_quality(chosen).mean() - 0.15


def test_quality_is_between_zero_and_one(broad):
    quality = rendering_quality(broad.pictures)
    assert quality.shape == (len(broad.pictures),)
    assert quality.min() >= 0
    assert quality.max() <= 1
