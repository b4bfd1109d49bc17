"""A run writes its page when it ends, however it ends, and does not fail when the page does."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from genrl.reporting import RunReporter
from tests.run_folders import write_run


def test_a_page_that_fails_is_said_and_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device [/bold]")

    said = io.StringIO()
    reporter = RunReporter(write_run(tmp_path / "run"), "neighbor-grpo", 4, Console(file=said))
    reporter.report("finished")
    assert "Report: " in said.getvalue()
    monkeypatch.setattr("genrl.reporting.write_report", full)
    reporter.report("finished")
    assert "could not be written (OSError: No space left on device [/bold])" in said.getvalue()
    assert "genrl report" in said.getvalue()


def test_a_run_that_an_error_ends_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "gone.py").write_text("def gone(prompts, completions, **columns):\n    raise OSError('the disk is gone')\n")
    sets = ["sampling.group_size=4", "sampling.steps=4", "evaluation.samples=2", "run.threads=1"]
    told = ["--reward", f"{tmp_path}/gone.py:gone", "--output", str(tmp_path / "run"), *(f"--set={text}" for text in sets)]
    done = subprocess.run([sys.executable, "-m", "genrl", "train", *told], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "the disk is gone" in done.stderr
    assert "Report: " in done.stdout
    assert '<span class="state stopped">' in (tmp_path / "run" / "report.html").read_text()
