"""A run that is made to hack says so and stops; it goes on as it would have, and nothing is said twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from genrl.cli.app import app
from genrl.report import read_run

REWARD = "def dark(prompts, completions, **columns):\n    return [255 - max(c.convert('L').getdata()) for c in completions]\n"
SETTINGS = {
    "train.max_steps": 3,
    "train.prompts_per_iteration": 2,
    "train.learning_rate": 1e-3,
    "sampling.group_size": 6,
    "evaluation.samples": 16,
    "evaluation.every": 1,
    "evaluation.best_by": "scenes/quality",
    "run.save_total_limit": 1,
    "run.save_steps": 1,
}


def genrl(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "300", "TERM": "dumb", "GENRL_TRACEBACK": ""})
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def train(folder: Path, **settings: Any) -> str:
    reward = folder.parent / "darkness.py"
    reward.write_text(REWARD)
    sets = [f"--set={key}={json.dumps(value)}" for key, value in (SETTINGS | settings).items()]
    rewards = ["--reward", f"{reward}:dark", "--reward", "scenes=0", "--device", "cpu"]
    return genrl("train", *rewards, "--output", str(folder), *sets)


def test_a_hacked_run_stops_and_goes_on_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    said = train(folder, **{"evaluation.stop_on_alarm": True})
    stopped = read_run(folder)
    assert stopped.done < stopped.asked
    assert stopped.alarms
    first = stopped.alarms[0]
    assert (first["step"], first["name"]) == (stopped.done, "reward hacking suspected")
    assert "scenes/quality from" in first["sentence"]
    assert f"grids/step-000000.png and grids/step-{stopped.done:06d}.png" in first["sentence"]
    assert f"Alarm: reward hacking suspected. {first['sentence']}" in said
    assert f"Alarms: reward hacking suspected (step {stopped.done})" in said
    assert first["sentence"] in (folder / "report.html").read_text()

    # A run that had been killed before the checkpoint would have left rows that are written again.
    with (folder / "alarms.jsonl").open("a") as file:
        file.write(json.dumps({"step": stopped.asked, "name": "collapse", "sentence": "Never said."}) + "\n")
    genrl("train", "--resume", str(folder))
    alarms = read_run(folder).alarms
    assert alarms is not None
    assert alarms[: len(stopped.alarms)] == stopped.alarms
    assert "Never said." not in [alarm["sentence"] for alarm in alarms]
    reasons = [alarm["sentence"] for alarm in alarms if alarm["name"] == first["name"]]
    assert len([sentence for sentence in reasons if "scenes/quality from" in sentence]) == 1
