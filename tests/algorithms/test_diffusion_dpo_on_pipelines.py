"""Diffusion-DPO on tiny pipelines with LoRA: pictures of a data set go through a pipeline's own autoencoder and network."""

from __future__ import annotations

import math
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image

from genrl.config import resolve
from genrl.run import build
from tests import tiny_pipelines

SMALL = {
    "sampling": {"steps": 2},
    "train": {"prompts_per_iteration": 2, "rows": 2, "learning_rate": 1e-2, "warmup_steps": 0},
    "objective": {"beta": 10.0},
    "evaluation": {"samples": 2},
    "rewards": "sharpness",
    "run": {"device": "cpu", "threads": 1},
}


def pairs(folder: Path, frames: int) -> Path:
    """Four pairs of pictures, or of videos as lists of frames, larger than what the model makes."""
    drawn = np.random.default_rng(0).integers(0, 256, (4, 2, max(1, frames), 20, 24, 3), dtype=np.uint8)
    cells = [[[Image.fromarray(frame) for frame in video] for video in pair] for pair in drawn]
    cells = cells if frames else [[video[0] for video in pair] for pair in cells]
    rows = [{"prompt": f"a cat {i}", "chosen": good, "rejected": bad} for i, (good, bad) in enumerate(cells)]
    datasets.Dataset.from_list(rows).to_parquet(folder / "pairs.parquet")
    return folder / "pairs.parquet"


@pytest.mark.parametrize(("family", "frames"), [("sd3", 0), ("flux", 0), ("wan", 9)])
def test_two_iterations(family: str, frames: int, tmp_path: Path) -> None:
    tiny = tiny_pipelines.build(family)
    tiny.pipe.save_pretrained(tmp_path / "model")
    model = {"path": str(tmp_path / "model"), "weights": "lora", "lora_rank": 2, "lora_alpha": 4, "call": tiny.call}
    prompts = {"source": str(pairs(tmp_path, frames)), "heldout_count": 1}
    config = resolve("diffusion-dpo", config=SMALL | {"model": model, "prompts": prompts})
    trainer = build(config, tmp_path / "run", reporter=None)
    before = torch.cat([p.detach().flatten().clone() for p in trainer.policy.parameters()])
    rows = [trainer.iterate(k) for k in range(2)]
    after = torch.cat([p.detach().flatten() for p in trainer.policy.parameters()])
    assert not torch.equal(before, after)
    assert rows[0]["loss"] == pytest.approx(math.log(2.0), abs=1e-6)
    assert rows[1]["loss"] != pytest.approx(math.log(2.0), abs=1e-6)
    for row in rows:
        assert 0 < row["grad_norm"] < math.inf
        assert "reward" not in row
        assert (row["forwards"], row["reference_forwards"], row["backwards"], row["decodes"]) == (0, 4, 4, 0)
