"""A run writes its page when it ends, however it ends, and does not fail when the page does."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from genrl import run
from genrl.config import resolve
from genrl.errors import RewardError
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


def test_a_run_that_an_error_ends_has_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(stop: object) -> None:
        raise RewardError("The reward is gone.")

    monkeypatch.setattr(run, "build", lambda config, folder, reporter: SimpleNamespace(fit=fit))
    with pytest.raises(RewardError, match="gone"):
        run.start(resolve(flags={"run.output": str(tmp_path / "run")}))
    assert '<span class="state stopped">' in (tmp_path / "run" / "report.html").read_text()
