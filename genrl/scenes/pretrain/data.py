"""Training batches, drawn on the fly: a pure function of (seed, step), so a resumed run sees the same ones."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genrl.scenes.drawing import broad_quality, draw
from genrl.scenes.grammar import describe, rows
from genrl.scenes.prompts import sample_rows, train_prompts

EMPTY_SHARE = 0.05  # share of pictures shown without their prompt, so that classifier-free guidance stays possible
UNIFORM_SHARE = 0.2


@dataclass(frozen=True)
class Batch:
    """``prompts`` (B), clean pictures ``x0`` ``(B, 3, 32, 32)`` in [-1, 1], ``noise`` like it, ``time`` ``(B,)``."""

    prompts: list[str]
    x0: Tensor
    noise: Tensor
    time: Tensor


def _times(count: int, rng: np.random.Generator) -> np.ndarray:
    """Logit-normal times, mixed with uniform ones so that both ends of the path are trained as well."""
    middle = 1 / (1 + np.exp(-(0.3 + rng.standard_normal(count))))
    return np.where(rng.random(count) < UNIFORM_SHARE, rng.random(count), middle)


def make_batch(seed: int, step: int, size: int) -> Batch:
    """The batch of one step of the run with this seed."""
    rng = np.random.default_rng((seed, step))
    scenes = sample_rows(rows(train_prompts()), size, rng)
    pictures = draw(scenes, broad_quality(size, rng), rng)
    empty = rng.random(size) < EMPTY_SHARE
    prompts = ["" if drop else prompt for prompt, drop in zip(describe(scenes), empty, strict=True)]
    return Batch(
        prompts=prompts,
        x0=torch.from_numpy(pictures) * 2 - 1,
        noise=torch.from_numpy(rng.standard_normal(pictures.shape, np.float32)),
        time=torch.from_numpy(_times(size, rng).astype(np.float32)),
    )
