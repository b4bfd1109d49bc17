"""Monitors on pictures whose numbers are known."""

from __future__ import annotations

import math

import pytest
import torch

from genrl.monitoring import picture_metrics, picture_values
from genrl.monitoring.diversity import diversity
from genrl.monitoring.entropy import entropy
from genrl.monitoring.pictures import PIECE
from genrl.monitoring.saturation import clipped, vivid


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def of(picture: torch.Tensor, name: str) -> float:
    """A number of one picture (H, W) in all channels."""
    images = picture.expand(1, 3, *picture.shape)
    return float(picture_values(images, torch.zeros(1, 4), [0])[f"pictures/{name}"])


def wave(period: float, size: int = 64) -> torch.Tensor:
    return 0.5 + 0.4 * torch.cos(2 * math.pi * torch.arange(size) / period).expand(size, size)


def test_diversity_is_the_distance_to_the_others_of_the_group() -> None:
    x, groups = noise(7, 3, 5), [4, 4, 9, 4, 9, 4, 1]
    found = diversity(x, groups)
    for row, group in enumerate(groups):
        others = [other for other in range(7) if groups[other] == group and other != row]
        if others:
            squares = torch.stack([(x[row] - x[other]).square().mean() for other in others])
            assert float(found[row]) == pytest.approx(float(squares.mean().sqrt()), rel=1e-5)
    assert math.isnan(found[6])


def test_independent_latents_of_unit_variance_lie_the_square_root_of_two_apart() -> None:
    latents = torch.randn(8, 20_000, generator=torch.Generator().manual_seed(0))
    assert diversity(latents, [0] * 8) == pytest.approx(torch.full((8,), math.sqrt(2)), rel=0.02)
    assert float(diversity(latents[:1].repeat(3, 1), [0] * 3).max()) < 1e-5


@pytest.mark.parametrize(("period", "share"), [(32, 0.0), (8, 0.0), (3.2, 1.0), (2, 1.0)])
def test_high_frequency_is_what_lies_above_half_of_nyquist(period: float, share: float) -> None:
    assert of(wave(period), "high_frequency") == pytest.approx(share, abs=1e-3)
    assert of(wave(period).T, "high_frequency") == pytest.approx(share, abs=1e-3)


def test_white_noise_fills_the_spectrum() -> None:
    """Three quarters of the frequencies are above one half in one direction; 63 of 64 * 64 are on the lattice."""
    picture = noise(3, 64, 64)[None]
    values = picture_values(picture, torch.zeros(1, 4), [0])
    assert float(values["pictures/high_frequency"]) == pytest.approx(0.75, abs=0.02)
    assert float(values["pictures/grid"]) == pytest.approx(64 / 64**2, abs=0.01)


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_patch_grid_is_seen_whatever_the_picture_below(period: int) -> None:
    plain = wave(64)
    lines = torch.zeros(64, 64)
    lines[::period] = lines[:, ::period] = 0.1
    rows = torch.arange(64)
    checks = 0.1 * ((rows[:, None] // (period // 2) + rows // (period // 2)) % 2)
    assert of(plain, "grid") < 0.01
    assert of(plain + lines, "grid") > 0.99
    assert of(plain + checks, "grid") > 0.99
    # Edges that keep no period are no grid.
    assert of((noise(64, 64) > 0.5).float(), "grid") < 0.05


def test_a_plain_picture_has_neither_grain_nor_grid() -> None:
    for name in ("high_frequency", "grid"):
        assert of(torch.full((32, 32), 0.3) + 1e-4 * noise(32, 32), name) < 0.05


def test_saturation_counts_pixels() -> None:
    images = torch.full((2, 3, 4, 4), 0.5)
    images[1, 0, 0] = 1.0  # a red at its end in one row of four
    images[1, 1:, :2] = 0.15
    assert clipped(images).tolist() == [0.0, 0.25]
    assert vivid(images).tolist() == [0.0, 0.25]
    assert clipped(images[None]).tolist() == [0.125]


def test_entropy_counts_levels() -> None:
    levels = torch.arange(256).view(16, 16) / 255
    assert of(torch.full((16, 16), 0.4), "entropy") == pytest.approx(0.0)
    assert of((levels > 0.5).float(), "entropy") == pytest.approx(1.0)
    assert of(levels, "entropy") == pytest.approx(8.0)
    assert torch.isfinite(entropy(torch.full((1, 3, 4, 4), torch.nan))).all()  # that a picture is NaN is said elsewhere


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    videos, latents, groups = noise(5, 2, 3, 16, 24), noise(5, 4), [0, 0, 1, 1, 1]
    whole = picture_values(videos, latents, groups)
    monkeypatch.setattr("genrl.monitoring.pictures.PIECE", 2 * videos[0].numel())
    assert videos.numel() < PIECE
    assert all(values.equal(whole[name]) for name, values in picture_values(videos, latents, groups).items())


def test_metrics_are_means_and_leave_out_what_is_not_there() -> None:
    images, latents = noise(4, 3, 8, 8), noise(4, 6)
    metrics = picture_metrics(images, latents, [0, 0, 1, 1])
    assert float(metrics["pictures/clipped"]) == pytest.approx(float(clipped(images).mean()))
    assert set(picture_metrics(images, latents, range(4))) == set(metrics) - {"pictures/diversity", "pictures/latent_diversity"}
    assert set(picture_metrics(None, latents, [0, 0, 1, 1])) == {"pictures/latent_diversity"}
