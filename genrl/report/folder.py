"""What lies in a run's folder, as plain data: no component is constructed, so a run of a lost plugin can be read too."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from genrl.errors import RunFolderError
from genrl.tracking import MetricsLog

CONFIG, METRICS, ALARMS = "config.yaml", "metrics.jsonl", "alarms.jsonl"
#: What a finished run leaves: a flow model, or a prompt writer.
RESULTS = ("model", "writer")
#: What the configuration of any run has.
SECTIONS = {"algorithm", "sampling", "model", "rewards", "prompts", "train", "evaluation", "run"}
#: A run that has written nothing for this many of its longest iterations, and at least so many seconds, has stopped.
PATIENCE, PATIENCE_SECONDS = 5, 120


@dataclass(frozen=True)
class RunFolder:
    """One run, read once.

    config, environment: what `config.yaml` and `environment.yaml` hold.
    iterations: the rows of training, in order.
    evaluations: step -> name -> per-sample values (S,), NaN where a number does not apply; in order.
    card: the eval card of the last evaluation (`genrl.eval_card`), empty if there is none.
    grids: step -> the PNG of that evaluation, where pictures were kept.
    alarms: rows {step, name, sentence}; None if the run kept no such file.
    """

    path: Path
    config: Mapping[str, Any]
    environment: Mapping[str, str]
    iterations: list[dict[str, float]]
    evaluations: dict[int, dict[str, np.ndarray]]
    card: Mapping[str, Any]
    grids: dict[int, Path]
    alarms: list[dict[str, Any]] | None

    @property
    def algorithm(self) -> str:
        return self.config["algorithm"]["name"]

    @property
    def model(self) -> str:
        """A hub id or a built-in name as it stands, of a folder its name."""
        path = self.config["model"]["path"]
        return Path(path).name if Path(path).is_absolute() or path.startswith(".") else path

    @property
    def asked(self) -> int:
        """Iterations that the run was asked for."""
        return self.config["train"]["max_steps"]

    @property
    def done(self) -> int:
        return int(self.iterations[-1]["step"]) if self.iterations else 0

    @property
    def finished(self) -> bool:
        return self.done >= self.asked and any((self.path / name).is_dir() for name in RESULTS)

    @cached_property
    def written(self) -> float:
        """When the run last wrote a number, in seconds since the epoch."""
        metrics = self.path / METRICS
        return (metrics if metrics.exists() else self.path / CONFIG).stat().st_mtime

    @property
    def state(self) -> str:
        """finished, stopped, or "running?": nothing in a folder tells a run that computes from one that was killed."""
        if self.finished:
            return "finished"
        longest = max((row["step_time"] for row in self.iterations), default=0.0)
        silent = time.time() - self.written
        return "running?" if silent < max(PATIENCE_SECONDS, PATIENCE * longest) else "stopped"


def is_run(path: Path) -> bool:
    return (path / CONFIG).is_file()


def read_run(path: Path) -> RunFolder:
    """The run in the folder `path`, finished or not; RunFolderError if there is none or a file of it is damaged."""
    if not is_run(path):
        raise RunFolderError(f"There is no run in {str(path)!r}: {path / CONFIG} is missing. Give the folder of a run.")
    rows, config = MetricsLog(path / METRICS).rows(), _mapping(path / CONFIG)
    if not config.keys() >= SECTIONS:
        raise RunFolderError(f"{path / CONFIG} is not the configuration of a run; give the folder of a run.")
    return RunFolder(
        path=path,
        config=config,
        environment=_mapping(path / "environment.yaml"),
        iterations=[row for row in rows if "step_time" in row],
        evaluations={_step(file): _values(file) for file in sorted((path / "evaluations").glob("step-*.json"))},
        card=next((_json(file) for file in sorted((path / "evaluations").glob("card-*.json"), reverse=True)), {}),
        grids={_step(file): file for file in sorted((path / "grids").glob("step-*.png"))},
        alarms=MetricsLog(path / ALARMS).rows() if (path / ALARMS).exists() else None,
    )


def _step(file: Path) -> int:
    return int(file.stem.rpartition("-")[2])


def _values(file: Path) -> dict[str, np.ndarray]:
    return {name: np.asarray(numbers, dtype=np.float64) for name, numbers in _json(file).items()}


def _json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunFolderError(f"{file} is damaged ({error}); delete it to read the rest of the run.") from error


def _mapping(file: Path) -> dict[str, Any]:
    """An absent file holds nothing: a run can be killed before it has written the second one."""
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RunFolderError(f"{file} is not the YAML that genrl wrote ({error}); restore it.") from error
    return data if isinstance(data, dict) else {}
