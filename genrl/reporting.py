"""Reports of one run: rows into `metrics.jsonl`, grids into `grids/`, and what a person reads in the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from genrl import checkpoint, files
from genrl.eval_card import EvalCard
from genrl.evaluation import Evaluation
from genrl.monitoring import PREFIX as PICTURES
from genrl.monitoring import Alarm, Best, Watch
from genrl.persistence import CHECKPOINTS, Progress
from genrl.report import write_report
from genrl.report.folder import ALARMS
from genrl.tracking import FlatRewards, LiveView, MetricsLog, rewind, save_before_after, save_grid


class RunReporter:
    """Implements `genrl.trainer.Reporter` for a run folder; a context manager around the live view."""

    def __init__(self, folder: Path, algorithm: str, max_steps: int, console: Console | None = None) -> None:
        self.folder, self.algorithm, self.max_steps = folder, algorithm, max_steps
        self.console = console or Console()
        self.log = MetricsLog(folder / "metrics.jsonl")
        #: What rewards logged about single pictures.
        self.samples = MetricsLog(folder / "samples.jsonl")
        #: Where numbers go besides the files: `track(row, step=...)`, e.g. accelerate's trackers.
        self.track: Callable[..., None] | None = None
        self.flat = FlatRewards()
        #: How the run evaluates; goes beside the scores of each evaluation.
        self.card: EvalCard | None = None
        #: What raises alarms; None raises none and keeps no file of them.
        self.watch: Watch | None = None
        self.alarms = MetricsLog(folder / ALARMS)
        #: The alarms since the run began or was resumed.
        self.raised: list[Alarm] = []
        self.first: Evaluation | None = None
        self.last: Evaluation | None = None
        self.view = LiveView(f"genrl · {algorithm} · {folder}", max_steps, 0, self.console)

    def resume(self, progress: Progress) -> None:
        """Forget what will be written again, and find the first evaluation; the watch is told what has been."""
        step, best = progress.step, progress.best.step
        rewind(self.folder, step, progress.evaluated)
        rows = self.log.rows()
        past = [row for row in rows if "step_time" in row]
        for row in past:
            self.flat.update(row)
        if self.watch:
            found = {int(row["step"]): load_evaluation(self.folder, int(row["step"])) for row in rows if "step_time" not in row}
            self.watch.replay(past, {k: evaluation.values for k, evaluation in found.items() if evaluation})
        self.view = LiveView(f"genrl · {self.algorithm} · {self.folder}", self.max_steps, step, self.console)
        self.first = load_evaluation(self.folder, 0)
        self.view.say(f"Continuing after step {step}." if step else "There is no checkpoint yet, so the run begins again.")
        if best and not self._checkpoint(best).is_dir():
            self.warning(
                f"The checkpoint of the best evaluation, that of step {best}, is gone. The run goes on and still compares with "
                "that evaluation; a better one gets a checkpoint again."
            )

    def __enter__(self) -> RunReporter:
        if self.watch:
            self.alarms.path.touch()
        self.view.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.view.__exit__(kind, error, trace)

    def warning(self, text: str) -> None:
        self.say(f"[yellow]Warning: {escape(text)}[/]")

    def iteration(self, step: int, row: dict[str, float], samples: Sequence[dict[str, Any]] = ()) -> None:
        self._write(step, row)
        self._write_samples(step, "train", samples)
        self.view.iteration(row)
        for name in self.flat.update(row):
            self.view.say(
                f"[yellow]step {step:>4}  The reward {escape(name)} gave every picture the same number in the last "
                f"{self.flat.patience} iterations, so nothing is learnt from it; look at the pictures, or leave it out.[/]"
            )

        if self.watch:
            self._alarm(self.watch.iteration(step, row))

    def evaluation(self, step: int, evaluation: Evaluation) -> None:
        """Log means and intervals, write the grid and the per-sample values."""
        self.first, self.last = self.first or evaluation, evaluation
        reward = evaluation.interval()
        row = {f"eval/{name}": mean for name, mean in evaluation.means().items()}
        row |= {f"eval/rewards/{name}/failed": float(len(rows)) for name, rows in evaluation.failures.items()}
        self._write(step, row | {"eval/reward_low": reward.low, "eval/reward_high": reward.high})
        self._write_samples(step, "heldout", evaluation.samples)
        if len(evaluation.images):
            save_grid(self.folder / "grids" / f"step-{step:06d}.png", evaluation.images, evaluation.prompts)
        path = self.folder / "evaluations" / f"step-{step:06d}.json"
        path.parent.mkdir(exist_ok=True)
        files.write_text(path, json.dumps({name: _plain(values) for name, values in evaluation.values.items()}))
        if self.card:
            card = self.card.drawn(evaluation.resolution, evaluation.weights)
            card.write(path.with_name(f"card-{step:06d}.json"))
        others = "  ".join(f"{name} {value:.3f}" for name, value in _watched(evaluation).items())
        self.view.evaluation(step, f"reward {reward}  {others}", reward.mean)
        for name, rows in evaluation.failures.items():
            if rows:
                self.view.say(f"  [yellow]{name} has no score for {len(rows)} of these pictures[/]: {escape(rows[min(rows)])}")

        if self.watch:
            self._alarm(self.watch.evaluation(step, evaluation.values))

    def _alarm(self, alarms: list[Alarm]) -> None:
        for alarm in alarms:
            sentence = " ".join([alarm.sentence, *self._where_to_look(alarm)])
            self.alarms.append({"step": alarm.step, "name": alarm.name, "sentence": sentence})
            self.view.say(f"[bold red]step {alarm.step:>4}  Alarm: {escape(alarm.name)}.[/] {escape(sentence)}")
        self.raised += alarms

    def _where_to_look(self, alarm: Alarm) -> list[str]:
        """The newest grid, and that of the evaluation which the alarm compares with; none where no pictures are kept."""
        grids = sorted((self.folder / "grids").glob("step-*.png"))
        now = [grid.name for grid in grids if grid.name <= f"step-{alarm.step:06d}.png"][-1:]
        then = [grid.name for grid in grids if grid.name == f"step-{alarm.since:06d}.png" and grid.name not in now]
        return [f"Look at {' and '.join(f'grids/{name}' for name in [*then, *now])}."] if now else []

    def _write(self, step: int, row: dict[str, float]) -> None:
        self.log.append({"step": step} | row)
        if self.track:
            self.track(row, step=step)

    def _write_samples(self, step: int, split: str, samples: Sequence[dict[str, Any]]) -> None:
        if samples:
            self.samples.append(*({"step": step, "split": split} | sample for sample in samples))

    def saved(self, step: int, folder: Path) -> None:
        if step == self.max_steps or step < 1:
            return
        self.view.say(f"[dim]step {step:>4}  saved {folder}[/]")

    def report(self, state: str) -> None:
        """Write the page of the run. A page that fails is no reason for a run to fail, so it is said instead."""
        try:
            path = write_report(self.folder, state)
        except Exception as error:
            self.say(
                f"The report could not be written ({escape(f'{type(error).__name__}: {error}')}); the run itself is not "
                f"affected. Try again with: genrl report {self.folder}"
            )
        else:
            self.say(f"Report: [bold]{path}[/]")

    def conclude(self, step: int, finished: bool, best: Best | None = None, patience: int = 0) -> None:
        """The closing words: alarms, what was gained and where it lies, or how to go on."""
        alarms = [f"{escape(alarm['name'])} (step {alarm['step']})" for alarm in self.alarms.rows()]
        if alarms:
            self.say(f"[bold red]Alarms: {', '.join(alarms)}.[/] What was measured: {self.alarms.path}")
        if best and best.outwaited(patience):
            self.say(
                f"evaluation.patience ends the run: {best.waited} evaluations in a row were no better than an earlier one."
            )
        if best and best.step is not None and best.step != step:
            self._best(best.step)
        if not finished:
            self.say(f"Stopped after step {step} and saved. Continue with: [bold]genrl train --resume {self.folder}[/]")
            return
        if self.first and self.last:
            self._gains(self.first, self.last)
        self.say(f"Weights: {self.folder / 'model'}   pictures: {self.folder / 'grids'}   numbers: {self.log.path}")
        self.say(f"Draw with it: [bold]genrl sample {self.folder} --prompt ...[/]")

    def _checkpoint(self, step: int) -> Path:
        return checkpoint.folder_of(self.folder / CHECKPOINTS, step)

    def _best(self, step: int) -> None:
        if step == 0:
            self.say("[yellow]No evaluation was better than that of the model as it came.[/]")
        elif not self._checkpoint(step).is_dir():
            self.say(f"[yellow]The best evaluation was that of step {step}, whose checkpoint is gone.[/]")
        else:
            export = f"genrl export {self.folder} --checkpoint best"
            self.say(f"The best evaluation was that of step {step}; its weights: [bold]{export}[/]")

    def uploaded(self, address: str) -> None:
        self.say(f"Uploaded to {address}")

    def _gains(self, first: Evaluation, last: Evaluation) -> None:
        self.say(
            f"Held-out reward {first.interval()} before, [bold]{last.interval()}[/] after; paired difference "
            f"{last.gain(first)} (95 % bootstrap, {len(last.values['reward'])} samples, same prompts and noise)."
        )
        for name in _watched(last):
            self.say(f"  {name}: {first.interval(name)} before, {last.interval(name)} after")
        if len(first.images):
            path = self.folder / "grids" / "before-after.png"
            save_before_after(path, first.images, last.images, last.prompts)

    def show(self, table: Table) -> None:
        self.console.print(table)

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


def load_evaluation(folder: Path, step: int) -> Evaluation | None:
    """The per-sample values of an evaluation of a run, without its pictures; None if it was not made."""
    path = folder / "evaluations" / f"step-{step:06d}.json"
    if not path.exists():
        return None
    values = {name: np.asarray(numbers, dtype=np.float64) for name, numbers in json.loads(path.read_text()).items()}
    return Evaluation([], torch.zeros(0, 3, 1, 1), values)


def _watched(evaluation: Evaluation) -> dict[str, float]:
    """The metrics that rewards measure without being trained on them."""
    means = evaluation.means().items()
    return {name: mean for name, mean in means if name != "reward" and not name.startswith(("rewards/", PICTURES))}


def _plain(values: np.ndarray) -> list[float | None]:
    """JSON has no NaN; null is read back as one."""
    return [None if np.isnan(value) else value for value in values.tolist()]
