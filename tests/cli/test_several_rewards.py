"""A network, OCR and a function of one's own reward a tiny SD3 together, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from genrl.cli.app import app
from tests.rewards import tiny_checkpoints
from tests.tiny_pipelines import build

REWARDS = """
async def brightness(prompts, completions, **columns):
    return [sum(picture.convert("L").tobytes()) / (255 * picture.width * picture.height) for picture in completions]
"""


def test_three_rewards_train_two_iterations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    tiny = build("sd3")
    tiny.pipe.save_pretrained("tiny")
    tiny_checkpoints.clip(tmp_path / "pick")
    package = tmp_path / "three_rewards_pkg"
    package.mkdir()
    (package / "__init__.py").write_text(REWARDS)
    Path("prompts.jsonl").write_text(
        "".join(json.dumps({"prompt": f"a sign that says {word}", "text": word}) + "\n" for word in ("OPEN", "EXIT", "STOP"))
    )
    Path("run.yaml").write_text(
        yaml.safe_dump(
            {
                "model": {"path": "tiny", "call": dict(tiny.call)},
                "sampling": {"steps": 3, "group_size": 3},
                "anchors": {"count": 2},
                "train": {"max_steps": 2, "prompts_per_iteration": 2, "rollout_prompts": 1},
                "evaluation": {"samples": 1, "every": 0},
                "prompts": {"source": "prompts.jsonl", "heldout_count": 1},
                "run": {"device": "cpu", "threads": 1},
            }
        )
    )
    command = ["train", "--config", "run.yaml", "--output", "run"]
    command += ["--reward", "pickscore=1", "--reward", "ocr=0.5", "--reward", "three_rewards_pkg:brightness=0.2"]
    command += ["--set", "rewards.pickscore.options={checkpoint: pick, processor: pick}"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"

    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    trained = [row for row in rows if "step_time" in row]
    assert [row["step"] for row in trained] == [1, 2]
    for row in trained:
        total = row["rewards/pickscore/mean"] + 0.5 * row["rewards/ocr/mean"] + 0.2 * row["rewards/brightness/mean"]
        assert row["reward"] == pytest.approx(total)
        assert 0.0 <= row["rewards/ocr/mean"] <= 1.0
        assert 0.0 < row["rewards/brightness/mean"] < 1.0
        parts = [row[f"rewards/{name}/contribution"] for name in ("pickscore", "ocr", "brightness")]
        assert sum(parts) == pytest.approx(1.0, rel=1e-4)
        assert row["dropped_groups"] == 0
        assert row["grad_norm"] > 0.0
    samples = [json.loads(line) for line in Path("run/samples.jsonl").read_text().splitlines()]
    assert sum(sample["split"] == "train" for sample in samples) == 2 * 2 * 3
    assert all(isinstance(sample["ocr_text"], str) for sample in samples)
    assert Path("run/model").is_dir()
