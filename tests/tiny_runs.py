"""Short runs on tiny models, as `genrl train` leaves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from accelerate.state import AcceleratorState
from typer.testing import CliRunner

from genrl.cli.app import app
from tests.tiny_pipelines import build

SETTINGS = {
    "sampling.steps": 2,
    "sampling.group_size": 4,
    "sampling.shift": 2.0,
    "train.max_steps": 2,
    "train.prompts_per_iteration": 1,
    "train.learning_rate": 0.01,
    "train.ema_decay": 0.5,
    "evaluation.samples": 2,
    "evaluation.steps": 3,
    "evaluation.every": 1,
    "prompts.heldout_count": 2,
    "run.save_steps": 1,
    "run.device": "cpu",
    "steps.fraction": 1.0,
}
LORA = {"model.lora_rank": 2, "model.lora_alpha": 8, "train.mixed_precision": "bf16"}


def genrl(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "300", "TERM": "dumb", "GENRL_TRACEBACK": ""})
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def trained(root: Path, family: str, **settings: Any) -> Path:
    """A finished run on a tiny pipeline."""
    tiny = build(family)
    tiny.pipe.save_pretrained(root / "base")
    (root / "some.txt").write_text("a red cat\na blue dog\na green star\n")
    call = {f"model.call.{name}": value for name, value in tiny.call.items()}
    sets = [f"--set={key}={json.dumps(value)}" for key, value in (SETTINGS | call | settings).items()]
    told = ["--model", str(root / "base"), "--reward", "colorfulness", "--prompts", str(root / "some.txt")]
    # accelerate allows one precision in a process, and other tests share this one.
    AcceleratorState._reset_state(reset_partial_state=True)
    genrl("train", *told, "--output", str(root / "run"), *sets)
    AcceleratorState._reset_state(reset_partial_state=True)
    return root / "run"
