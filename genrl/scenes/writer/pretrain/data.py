"""Training batches, drawn on the fly: a pure function of (seed, step)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from genrl.scenes.requests.source import held_out_texts, scene_pools, stream
from genrl.scenes.writer.folder import TEMPLATE
from genrl.scenes.writer.pretrain.habits import habitual_answer, right_answer

NOTHING = -100  # what `cross_entropy` passes over


@dataclass(frozen=True)
class Batch:
    """``ids``, ``mask`` and ``labels`` int64 ``(B, L)``, filled up on the right; only the prompt and its end have labels."""

    ids: Tensor
    mask: Tensor
    labels: Tensor


def make_batch(tokenizer: PreTrainedTokenizerFast, seed: int, step: int, size: int, habits: bool) -> Batch:
    """The batch of one step: requests that are not held out, for scenes that are not, each with a right or habitual answer."""
    rng = np.random.default_rng((seed, step))
    requests = stream(scene_pools()[0], rng)
    asked: list[list[int]] = []
    written: list[list[int]] = []
    while len(asked) < size:
        request = next(requests)
        if request.text not in held_out_texts():
            asked.append(tokenizer(TEMPLATE.replace("{request}", request.text))["input_ids"])
            answer = habitual_answer(request, rng) if habits else right_answer(request)
            written.append([*tokenizer(answer)["input_ids"], tokenizer.eos_token_id])
    length = max(len(one) + len(other) for one, other in zip(asked, written, strict=True))
    ids = torch.full((size, length), tokenizer.pad_token_id)
    labels = torch.full((size, length), NOTHING)
    for row, (one, other) in enumerate(zip(asked, written, strict=True)):
        end = len(one) + len(other)
        ids[row, :end] = torch.tensor(one + other)
        labels[row, len(one) : end] = torch.tensor(other)
    return Batch(ids, (ids != tokenizer.pad_token_id).long(), labels)
