"""One run in a few numbers, for lists of runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genrl.report.cost import cost
from genrl.report.folder import RunFolder, is_run
from genrl.report.measures import Measure, headline


def find_runs(folder: Path) -> Iterator[Path]:
    """The folders of runs at and below `folder`; what lies inside a run is not searched."""
    for here, below, _ in os.walk(folder):
        if is_run(Path(here)):
            below.clear()
            yield Path(here)


def summary(run: RunFolder) -> dict[str, Any]:
    """Plain data: what the run is, how far it is, held-out numbers before and after, and what it has cost."""
    total, watched = headline(run)
    return {
        "run": str(run.path),
        "algorithm": run.algorithm,
        "model": run.model,
        "state": run.state,
        "iterations": run.done,
        "asked": run.asked,
        "reward": _gain(total),
        "watched": _gain(watched),
        "cost": asdict(cost(run)),
        "alarms": None if run.alarms is None else len(run.alarms),
        "written": datetime.fromtimestamp(run.written, UTC).isoformat(timespec="seconds"),
    }


def _gain(measure: Measure | None) -> dict[str, Any] | None:
    """An interval is {mean, low, high}; the difference is paired, and None after a single evaluation."""
    if measure is None:
        return None
    difference = None if measure.difference is None else asdict(measure.difference)
    intervals = {"before": asdict(measure.before), "after": asdict(measure.after), "difference": difference}
    return {"name": measure.label, "samples": measure.samples} | intervals
