"""Score pictures of scenes: correctness and rendering quality to train on, and a strict verdict to report."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from genrl.scenes.components import find_objects
from genrl.scenes.correctness import judge
from genrl.scenes.grammar import rows
from genrl.scenes.placement import SIZE
from genrl.scenes.quality import rendering_quality

_CHUNK = 64  # larger batches fall out of the processor's cache and take three times as long per picture


@dataclass(frozen=True)
class Scores:
    """Per picture, float ``(N,)``: ``correctness`` and ``quality`` in [0, 1]; ``strict`` 0 or 1, never trained on."""

    correctness: np.ndarray
    quality: np.ndarray
    strict: np.ndarray


@torch.no_grad()
def score(prompts: Sequence[str], pictures: Tensor) -> Scores:
    """Score N pictures ``(N, 3, 32, 32)``, floats in [0, 1] on the CPU, each against its own prompt."""
    if pictures.shape != (len(prompts), 3, SIZE, SIZE):
        raise ValueError(
            f"The scenes scorer wants one {SIZE} x {SIZE} RGB picture per prompt, shape ({len(prompts)}, 3, {SIZE}, "
            f"{SIZE}), but got {tuple(pictures.shape)}; sample at height=width={SIZE}."
        )
    # A picture that is not finite shows nothing: grey scores zero.
    pictures = torch.nan_to_num(pictures.float(), nan=0.5).clamp(0, 1)
    wanted = rows(prompts)
    parts = [_score(wanted[i : i + _CHUNK], pictures[i : i + _CHUNK]) for i in range(0, len(wanted), _CHUNK)]
    empty = Scores(*np.zeros((3, 0)))
    return Scores(*(np.concatenate([getattr(part, f.name) for part in (empty, *parts)]) for f in fields(Scores)))


def _score(wanted: np.ndarray, pictures: Tensor) -> Scores:
    verdict = judge(wanted, find_objects(pictures.numpy()))
    return Scores(verdict.correctness, rendering_quality(pictures).double().numpy(), verdict.strict)
