"""How well is the picture rendered, whatever it shows? Smooth, from the pixels, and wary of known ways to cheat.

Every term has its optimum where clean renderings are and falls on *both* sides of it: colours are compared with the
palette by distance (oversaturation loses), the ground has a natural brightness (bleaching loses), objects a natural
share of the picture (inflated blobs lose), and energy on the model's 4 x 4 patch borders is held against a picture.

N pictures of S x S pixels, RGB in [0, 1].
"""

import torch
from torch import Tensor
from torch.nn import functional

from genrl.scenes.drawing import GROUND, PALETTE

PATCH = 4
_PALETTE = torch.from_numpy(PALETTE)


def _fall(excess: Tensor, scale: float) -> Tensor:
    """1 at zero excess, 1/2 at ``scale``, and never quite flat beyond."""
    return 1 / (1 + (excess / scale) ** 2)


def _grow(mask: Tensor) -> Tensor:
    return functional.max_pool2d(mask, 3, 1, 1)


def _shrink(mask: Tensor) -> Tensor:
    return -functional.max_pool2d(-mask, 3, 1, 1)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``(N, 1, S, S)`` over the mask's pixels, ``(N,)``; 0 where the mask is empty."""
    return (values * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp(min=1)


def _root(squares: Tensor) -> Tensor:
    """The square root, with slope 0 instead of infinity at 0."""
    positive = squares > 0
    return torch.where(positive, torch.where(positive, squares, 1).sqrt(), 0)


def _chroma(pictures: Tensor) -> Tensor:
    return _root((pictures - pictures.mean(1, keepdim=True)).square().sum(1, keepdim=True))


def _paint_quality(pictures: Tensor, body: Tensor, interior: Tensor) -> Tensor:
    """Distance of the objects' colours from the palette, and how steep their edges are, ``(N,)`` in [0, 1]."""
    # |p - c|^2 = |p|^2 - 2 p.c + |c|^2 keeps the six differences out of memory.
    shared = torch.einsum("nchw,kc->nkhw", pictures, -2 * _PALETTE) + _PALETTE.square().sum(1).view(1, -1, 1, 1)
    distance = _root((shared.amin(1, keepdim=True) + pictures.square().sum(1, keepdim=True)).clamp(min=0))
    pure = _mean(_fall((distance - 0.04).clamp(min=0), 0.05), interior)
    chroma = _chroma(pictures)
    # Across a crisp edge colour goes from nothing to full within three pixels; across a soft one it needs five or more.
    step = _grow(chroma) - _shrink(chroma)
    full = functional.max_pool2d(chroma, 5, 1, 2).clamp(min=0.05)
    soft = 1 - _mean(step / full, _grow(body) - _shrink(body))
    return 0.75 * pure + 0.25 * _fall((soft - 0.20).clamp(min=0), 0.06)


def _ground_quality(pictures: Tensor, ground: Tensor) -> Tensor:
    """Is the ground flat, of natural brightness, free of specks and of a patch grid? ``(N,)`` in [0, 1]."""
    brightness = _mean(pictures.mean(1, keepdim=True), ground)
    tint = torch.stack([_mean(pictures[:, c : c + 1], ground) for c in range(3)], 1)
    off_range = torch.maximum(GROUND[0] - brightness, brightness - GROUND[1]).clamp(min=0)
    off_grey = ((tint - brightness[:, None]).abs().amax(1) - 0.012).clamp(min=0)
    right, down = (pictures.diff(dim=d).abs().mean(1, keepdim=True) for d in (3, 2))
    flat_right, flat_down = ground[..., 1:] * ground[..., :-1], ground[..., 1:, :] * ground[..., :-1, :]
    border = (torch.arange(right.shape[-1]) % PATCH == PATCH - 1).float()
    on = _mean(right, flat_right * border) + _mean(down, flat_down * border[:, None])
    off = _mean(right, flat_right * (1 - border)) + _mean(down, flat_down * (1 - border[:, None]))
    rough = (_mean(right, flat_right) + _mean(down, flat_down)) / 2
    deviation = (pictures - tint[..., None, None]).abs().amax(1, keepdim=True)
    specks = _mean((deviation - 0.10).clamp(min=0), ground)
    natural = _fall(off_range, 0.04) * _fall(off_grey, 0.03) * _fall((on - off - 0.01).clamp(min=0), 0.02)
    return natural * (0.7 * _fall((rough - 0.003).clamp(min=0), 0.012) + 0.3 * _fall(specks, 0.002))


def rendering_quality(pictures: Tensor) -> Tensor:
    """Rendering quality in [0, 1], ``(N,)``, of pictures ``(N, 3, S, S)``; clean ones about 1, blanks 0.

    Differentiable in the pictures, where they stay in their masks: which pixels are objects, edges or ground has no slope.
    """
    # Averaging nine pixels first keeps noise from being taken for colour; opening drops what is smaller than objects.
    coloured = (_chroma(functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)) > 0.13).float()
    core = _shrink(coloured)
    body = _grow(core) * coloured
    ground = 1 - _grow(body)
    share = core.mean((1, 2, 3))
    sized = (share / 0.03).clamp(max=1) * _fall((share - 0.36).clamp(min=0), 0.06)
    paint = _paint_quality(pictures, core, _shrink(core))
    return sized * (0.55 * paint + 0.45 * _ground_quality(pictures, ground))
