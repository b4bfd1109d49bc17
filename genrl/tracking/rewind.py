"""A run's files as they were at a checkpoint, so that what is written next is written once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genrl.tracking.jsonl import MetricsLog


def rewind(folder: Path, step: int, evaluated: int | None) -> None:
    """Forget what was written of iterations after `step` and of evaluations after `evaluated`, None of all.

    Alarms are forgotten with the rows that raised them; pictures in `failures` stay, since no number comes from them.
    """
    judged = -1 if evaluated is None else evaluated

    def measured(row: dict[str, Any]) -> bool:
        return row["step"] <= (step if "step_time" in row else judged)

    def sampled(row: dict[str, Any]) -> bool:
        return row["step"] <= (step if row["split"] == "train" else judged)

    MetricsLog(folder / "metrics.jsonl").keep(measured)
    MetricsLog(folder / "samples.jsonl").keep(sampled)
    MetricsLog(folder / "alarms.jsonl").keep(lambda row: row["step"] <= step)
    for pattern in ("evaluations/step-*.json", "evaluations/card-*.json", "grids/step-*.png"):
        for path in folder.glob(pattern):
            if int(path.stem.rpartition("-")[2]) > judged:
                path.unlink()
