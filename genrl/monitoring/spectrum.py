"""Where the spectral energy of pictures lies: grain, ringing and patch grids live at high frequencies."""

from __future__ import annotations

import torch
from torch import Tensor

#: Frequencies in cycles a pixel: half of Nyquist's, and the lowest of a grid with lines 8 pixels apart.
HALF_NYQUIST, GRID = 0.25, 1 / 8
#: Variance of rounding to bytes; energy below it is none, so that a plain picture has no high frequencies.
ROUNDING = 1 / (12 * 255**2)


def power(images: Tensor) -> Tensor:
    """Energy by frequency (B, H, W) of images (B, 3, H, W), summed over channels, their means left out.

    Of videos (B, F, 3, H, W) summed over the frames. The energies of a picture add up to H W times its sum of squares.
    """
    spectrum = torch.fft.fft2(images.float()).abs().square().flatten(1, -3).sum(dim=1)
    spectrum[..., 0, 0] = 0.0
    return spectrum


def high_frequency(power_BHW: Tensor, channels: int) -> Tensor:
    """Share (B,) of the energy above half of Nyquist's frequency in either direction; .75 for white noise.

    channels: how many planes the energy was summed over, colours times frames.
    """
    high = _frequency(power_BHW) > HALF_NYQUIST
    return (power_BHW * high).sum(dim=(1, 2)) / (power_BHW.sum(dim=(1, 2)) + _floor(power_BHW, channels))


def grid(power_BHW: Tensor, channels: int) -> Tensor:
    """Of the energy at periods of 8 pixels and shorter the share (B,) at exactly those that divide 8 in both directions.

    Lines or checks every 2, 4 or 8 pixels have all of it there, as has every second harmonic of 16; pictures have little:
    64 of the H W frequencies.
    """
    fine = _frequency(power_BHW) >= GRID
    lattice = torch.zeros(fine.shape, dtype=torch.bool)
    height, width = fine.shape
    rows, columns = ([round(k * size / 8) % size for k in range(8)] for size in (height, width))
    lattice[torch.tensor(rows)[:, None], torch.tensor(columns)[None]] = True
    own = (power_BHW * (fine & lattice.to(fine.device, non_blocking=True))).sum(dim=(1, 2))
    return own / ((power_BHW * fine).sum(dim=(1, 2)) + _floor(power_BHW, channels))


def _frequency(power_BHW: Tensor) -> Tensor:
    """(H, W), the larger of a bin's vertical and horizontal frequency."""
    height, width = power_BHW.shape[-2:]
    vertical, horizontal = (torch.fft.fftfreq(size, device=power_BHW.device).abs() for size in (height, width))
    return torch.maximum(vertical[:, None], horizontal[None])


def _floor(power_BHW: Tensor, channels: int) -> float:
    pixels = power_BHW.shape[-2] * power_BHW.shape[-1]
    return channels * pixels**2 * ROUNDING
