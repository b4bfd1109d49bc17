"""`genrl runs`, `genrl show RUN` and `genrl report`: what they say equals what the folder holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import genrl
from genrl.cli.app import app
from genrl.config import resolve
from genrl.report.folder import CONFIG
from genrl.statistics import bootstrap
from tests.run_folders import values, write_run


def run(*arguments: str, code: int = 0, columns: int = 100) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": str(columns), "TERM": "dumb"})
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """runs/old, finished with an alarm; runs/more/new, stopped after one evaluation; and what is no run."""
    monkeypatch.chdir(tmp_path)
    old, new = write_run(Path("runs/old")), write_run(Path("runs/more/new"), steps=1, asked=9, every=5)
    (old / "alarms.jsonl").write_text('{"step": 2, "name": "collapse", "sentence": "All alike."}\n')
    (old / "model" / CONFIG).write_text("{}")
    Path("runs/nothing").mkdir()
    os.utime(old / "metrics.jsonl", (1e9, 1e9))
    os.utime(new / "metrics.jsonl", (1.1e9, 1.1e9))
    return tmp_path


def test_json_holds_the_numbers_newest_first(folder: Path) -> None:
    new, old = json.loads(run("runs", "--json"))
    assert (new["run"], old["run"]) == ("runs/more/new", "runs/old")
    assert (new["state"], new["iterations"], new["asked"]) == ("stopped", 1, 9)
    assert new["reward"]["difference"] is None
    assert (old["state"], old["algorithm"], old["model"], old["alarms"]) == ("finished", "neighbor-grpo", "scenes", 1)
    change = bootstrap(values(4)["reward"] - values(0)["reward"])
    assert old["reward"]["difference"] == {"mean": change.mean, "low": change.low, "high": change.high}
    assert old["reward"]["after"]["mean"] == values(4)["reward"].mean()
    assert old["watched"]["name"] == "scenes/strict"
    assert (old["cost"]["evaluations"], old["cost"]["seconds"]) == (4 * 125, 18.0)


@pytest.mark.parametrize("columns", [80, 120])
def test_table_holds_what_matters(folder: Path, columns: int) -> None:
    shown = run("runs", columns=columns)
    before, after = values(0)["reward"].mean(), values(4)["reward"].mean()
    for part in ("old", "more/new", f"{before:.3f} → {after:.3f}", f"{after - before:+.3f} ±", "1 alarm", "1 of 9", "500"):
        assert part in shown, part
    assert max(len(line) for line in shown.splitlines()) <= columns


def test_runs_are_listed_without_torch(folder: Path) -> None:
    code = "import sys\nfrom genrl.cli.app import app\napp(['runs'], standalone_mode=False)\nassert 'torch' not in sys.modules"
    root = str(Path(genrl.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": root}, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_damaged_run_is_named_and_the_others_are_shown(folder: Path) -> None:
    (folder / "runs/more/new/evaluations/step-000000.json").write_text("{")
    result = CliRunner().invoke(app, ["runs", "--json"])
    assert [one["run"] for one in json.loads(result.stdout)] == ["runs/old"]
    assert "step-000000.json is damaged" in " ".join(result.stderr.split())


def test_configuration_of_another_program_is_no_run(folder: Path) -> None:
    (folder / "runs/nothing" / CONFIG).write_text("- a list\n")
    result = CliRunner().invoke(app, ["runs", "--json"])
    assert len(json.loads(result.stdout)) == 2
    assert "runs/nothing/config.yaml is not the configuration of a run" in " ".join(result.stderr.split())


def test_no_runs_is_an_error_with_the_cure(tmp_path: Path) -> None:
    assert "start one with `genrl train`" in run("runs", str(tmp_path), code=2)


def test_a_run_by_itself_is_a_list_of_one(folder: Path) -> None:
    assert [one["run"] for one in json.loads(run("runs", "runs/old", "--json"))] == ["runs/old"]
    assert "runs/old" in run("runs", "runs/old")


def test_show_run_is_its_configuration_with_what_came_of_it(folder: Path) -> None:
    shown = run("show", "runs/old", "--set", "train.rows=5")
    assert "# finished, 4 of 4 iterations" in shown
    assert f"{values(0)['reward'].mean():.3f} before, {values(4)['reward'].mean():.3f} after" in shown
    Path("again.yaml").write_text(shown)
    assert resolve(config=Path("again.yaml")) == resolve(config=folder / "runs/old" / CONFIG, sets=["train.rows=5"])
    assert "in the only evaluation" in run("show", "runs/more/new")


def test_show_says_what_it_cannot_show(folder: Path) -> None:
    assert "There is no run in 'runs/nothing'" in run("show", "runs/nothing", code=2)
    assert "did you mean 'mix-grpo'" in run("show", "mixgrpo", code=2)
    assert "leave --preset out" in run("show", "runs/old", "--preset", "scenes", code=2)


def test_report_writes_a_page(folder: Path) -> None:
    assert run("report", "runs/old").startswith("runs/old/report.html (")
    assert Path("runs/old/report.html").read_text().startswith("<!DOCTYPE html>")
    assert "There is no run in 'runs'" in run("report", "runs", code=2)
