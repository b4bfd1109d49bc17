"""Judging one model under a protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from genrl.errors import ConfigError
from genrl.judging.drawing import autocast
from genrl.judging.identity import base_version, writer_version
from genrl.judging.judgement import PICTURES, Judgement
from genrl.judging.pictures import write_pictures
from genrl.judging.protocol import Protocol
from genrl.judging.source import Found, called, load
from genrl.policy import WeightedPolicy


def judge(found: Found, protocol: Protocol, folder: Path, source: str, console: Console | None = None) -> Judgement:
    """Draw, score and write: the scores of the run's own evaluation, if the protocol is the run's own.

    folder: a new one, see `new_folder`. source: what the user calls the model. Pictures are written as they are drawn.
    """
    policy = WeightedPolicy(load(found))
    evaluator = protocol.evaluator
    pictures: dict[int, Path] = {}

    def keep(batch: list[int], drawn: Tensor) -> None:
        texts = [evaluator.prompt(sample).text for sample in batch]
        pictures.update(zip(batch, write_pictures(folder / PICTURES, drawn, texts, places=batch), strict=True))

    rows = protocol.card.samples * protocol.card.steps
    with progress(policy, called(source), rows, console or Console()), autocast(policy.device, found.mixed_precision):
        evaluation = evaluator(policy, protocol.rewards, keep)
    samples = range(protocol.card.samples)
    weights = {"source": source, "model": found.base.path, "version": base_version(found.base)}
    weights |= writer_version(found.config.prompts)
    card = protocol.card.with_weights(weights).drawn(evaluation.resolution, evaluation.weights)
    judged = Judgement(
        folder=folder,
        card=card,
        prompts=[evaluator.prompt(sample).asked for sample in samples],
        written=[evaluator.prompt(sample).text for sample in samples] if found.config.prompts.prompter else (),
        pictures=[pictures[sample] for sample in samples],
        values=evaluation.values,
        failures={name: rows for name, rows in evaluation.failures.items() if rows},
    )
    judged.write()
    return judged


def new_folder(output: Path | None, root: Path, name: str) -> Path:
    """`output`, which may not hold anything, else the first free root/name-N."""
    if output is not None:
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise ConfigError(f"{str(output)!r} is there already; choose another --output, or remove it.")
        return output
    number = 1
    while (folder := root / f"{name}-{number}").exists():
        number += 1
    return folder


class _Rows(Progress):
    """A bar that reads how many rows the network has answered, instead of being told."""

    def __init__(self, policy: WeightedPolicy, console: Console) -> None:
        self.policy, self.task = policy, None  # type: ignore[assignment]
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        super().__init__(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console)

    task: TaskID | None

    def get_renderables(self) -> Iterator[RenderableType]:
        if self.task is not None:
            self.update(self.task, completed=self.policy.counts["forwards"])
        yield from super().get_renderables()


@contextmanager
def progress(policy: WeightedPolicy, name: str, rows: int, console: Console) -> Iterator[None]:
    with _Rows(policy, console) as bar:
        bar.task = bar.add_task(f"drawing with {name}", total=rows)
        yield
