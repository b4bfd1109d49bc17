"""What is measured on every picture, whatever the rewards: diversity, artefacts, saturation and entropy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genrl.monitoring.diversity import diversity
from genrl.monitoring.entropy import entropy
from genrl.monitoring.saturation import clipped, vivid
from genrl.monitoring.spectrum import grid, high_frequency, power
from genrl.types import Metrics

#: How the names of these numbers begin.
PREFIX = "pictures/"
#: Numbers of pictures that are measured at once, so that large ones and videos need little more memory than themselves.
PIECE = 2**24


@torch.no_grad()
def picture_values(images: Tensor | None, latents: Tensor, groups: Sequence[int]) -> dict[str, Tensor]:
    """Of images (B, 3, H, W) or videos (B, F, 3, H, W) in [0, 1] and their latents (B, *L): name -> (B,) float32.

    groups: the group of each row; diversity is NaN for a row that is alone. Without images only latents are measured.
    """
    values = {"pictures/latent_diversity": diversity(latents, groups)}
    if images is None:
        return values
    values["pictures/diversity"] = diversity(images, groups)
    pieces = [_of_each(piece) for piece in images.split(max(1, PIECE // images[0].numel()))]
    return values | {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}


def picture_metrics(images: Tensor | None, latents: Tensor, groups: Sequence[int]) -> Metrics:
    """The means of `picture_values`; no diversity where every row is alone."""
    alone = len(set(groups)) == len(groups)
    values = picture_values(images, latents, groups)
    return {name: row.nanmean() for name, row in values.items() if not (alone and name.endswith("diversity"))}


def _of_each(images: Tensor) -> dict[str, Tensor]:
    energy, channels = power(images), images.shape[1:-2].numel()
    return {
        "pictures/high_frequency": high_frequency(energy, channels),
        "pictures/grid": grid(energy, channels),
        "pictures/clipped": clipped(images),
        "pictures/vivid": vivid(images),
        "pictures/entropy": entropy(images),
    }
