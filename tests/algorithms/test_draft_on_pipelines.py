"""DRaFT on tiny pipelines with LoRA: the reward's gradient goes through a pipeline's own decoder and network."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from genrl.config import resolve
from genrl.run import build
from tests import tiny_pipelines

SMALL = {
    "sampling": {"steps": 3},
    "train": {"prompts_per_iteration": 2, "rows": 2, "learning_rate": 1e-2, "warmup_steps": 0},
    "evaluation": {"samples": 2},
    "run": {"device": "cpu", "threads": 1},
}


@pytest.mark.parametrize("family", ["sd3", "flux", "wan"])
def test_two_iterations(family: str, tmp_path: Path) -> None:
    tiny = tiny_pipelines.build(family)
    tiny.pipe.save_pretrained(tmp_path / "model")
    (tmp_path / "prompts.txt").write_text("a red cat\na blue dog\na green star\n")
    model = {"path": str(tmp_path / "model"), "weights": "lora", "lora_rank": 2, "lora_alpha": 4, "call": tiny.call}
    prompts = {"source": str(tmp_path / "prompts.txt"), "heldout_count": 1}
    config = resolve(
        "draft", config=SMALL | {"model": model, "prompts": prompts, "rewards": "sharpness"}, sets=["last_steps=2"]
    )
    trainer = build(config, tmp_path / "run", reporter=None)
    before = torch.cat([p.detach().flatten().clone() for p in trainer.policy.parameters()])
    rows = [trainer.iterate(k) for k in range(2)]
    after = torch.cat([p.detach().flatten() for p in trainer.policy.parameters()])
    assert not torch.equal(before, after)
    for row in rows:
        assert row["grad_norm"] > 0
        assert math.isfinite(row["grad_norm"])
        assert row["reward"] == pytest.approx(row["rewards/sharpness/mean"])
        assert (row["forwards"], row["backwards"], row["decodes"]) == (2 * 1, 2 * 2, 2)
