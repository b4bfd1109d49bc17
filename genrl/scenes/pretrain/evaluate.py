"""Periodic evaluation on held-out prompts: numbers, a contact sheet, and the exported folder."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genrl.scenes.folder import Pipeline, sample, save_folder
from genrl.scenes.prompts import held_out_prompts, sample_prompts
from genrl.scenes.scorer import score

EVAL_PROMPTS = 192
EVAL_STEPS = (8, 16)
_COLUMNS = 12
_ENLARGE = 3


@cache
def evaluation_prompts() -> list[str]:
    """The fixed held-out prompts of every evaluation."""
    return sample_prompts(held_out_prompts(), EVAL_PROMPTS, np.random.default_rng(7))


def contact_sheet(pictures: Tensor, path: Path) -> None:
    """Save pictures ``(N, 3, S, S)`` in [0, 1] as one enlarged PNG, twelve to a row."""
    rows = [torch.cat(list(pictures[i : i + _COLUMNS]), 2) for i in range(0, len(pictures), _COLUMNS)]
    sheet = torch.cat([row for row in rows if row.shape[2] == rows[0].shape[2]], 1)
    image = Image.fromarray((sheet * 255).round().byte().permute(1, 2, 0).contiguous().numpy())
    image.resize((image.width * _ENLARGE, image.height * _ENLARGE), Image.Resampling.NEAREST).save(path)


def evaluate(pipeline: Pipeline, step: int, output: Path) -> dict[str, float]:
    """Score the pipeline on the held-out prompts, append the numbers to ``eval.jsonl`` and export everything."""
    row: dict[str, float] = {"step": step}
    for steps in EVAL_STEPS:
        pictures = sample(pipeline, evaluation_prompts(), steps, seed=0)
        scores = score(evaluation_prompts(), pictures)
        for name in ("strict", "correctness", "quality"):
            row[f"{name}@{steps}"] = round(float(getattr(scores, name).mean()), 4)
        if steps == EVAL_STEPS[0]:
            contact_sheet(pictures[: 5 * _COLUMNS], output / "samples.png")
    save_folder(pipeline, output / "model")
    with (output / "eval.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")
    return row
