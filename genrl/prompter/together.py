"""Writer and flow model by turns: each learns while the other is frozen, for a number of rounds."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from genrl import checkpoint, files
from genrl.checkpoint import MODEL
from genrl.config.resume import FILE as BEGUN
from genrl.judging.judgement import Judgement
from genrl.judging.protocol import prompt_sources
from genrl.judging.source import find
from genrl.persistence import CHECKPOINTS
from genrl.prompter.combinations import judge_combinations
from genrl.prompter.folder import UNTRAINED, WRITER
from genrl.prompter.together_config import FILE, TogetherConfig, of_one_precision, to_yaml
from genrl.prompts import MapPrompts

#: Where the requests of all rounds are kept.
REQUESTS = "requests"


@dataclass(frozen=True)
class Turn:
    """One of the two learns: in the folder `own`, which holds a run of its own, finished when `result` is in it."""

    own: Path
    result: str

    @property
    def finished(self) -> bool:
        return (self.own / self.result).is_dir()

    @property
    def begun(self) -> bool:
        return (self.own / BEGUN).is_file()


def turns(config: TogetherConfig) -> Iterator[tuple[int, Turn, Turn]]:
    """(round, the writer's turn, the model's turn), counted from 1."""
    for number in range(1, config.rounds + 1):
        writer, model = (Turn(config.folder / f"round-{number}-{who}", who) for who in (WRITER, MODEL))
        yield number, writer, model


def start(config: TogetherConfig, console: Console | None = None) -> dict[str, Judgement] | None:
    """All turns that are not finished yet, and then the four combinations; None if it was interrupted before.

    What was begun goes on from its checkpoint, so a folder is resumed by starting it again.
    """
    console = console or Console()
    config.folder.mkdir(parents=True, exist_ok=True)
    files.write_text(config.folder / FILE, to_yaml(config))
    writer: Path | None = None
    model: Path | None = None
    combinations = config.folder / "combinations"
    shared = with_requests_apart(of_one_precision(config))
    for number, writers, models in turns(config):
        now = of_round(shared, number)
        for turn in (writers, models):
            if not turn.finished:
                if combinations.exists():
                    files.remove_folder(combinations)  # they were of fewer rounds
                console.rule(f"round {number} of {config.rounds}: the {turn.result} learns", align="left")
                if turn is writers:
                    _train_writer(now, turn, writer, model)
                else:
                    _train_model(now, turn, writers.own, model)
                gc.collect()  # trainers refer to themselves, and the next one may need their memory
            if not turn.finished:
                again = escape(f"genrl train-together --resume {config.folder}")
                console.print(f"Round {number} is not finished. Continue with: [bold]{again}[/]", soft_wrap=True)
                return None
        writer, model = writers.own, models.own
    assert writer and model, "there is at least one round"
    untrained = config.folder / f"round-1-{WRITER}" / UNTRAINED
    return judge_combinations(shared.prompter, (untrained, writer), model, combinations, console)


def with_requests_apart(config: TogetherConfig) -> TogetherConfig:
    """Held-out requests are set aside once, so that rounds can have seeds of their own and be judged on the same ones."""
    folder, flow = config.folder / REQUESTS, config.prompter.flow
    if not folder.is_dir():
        train, heldout = prompt_sources(flow)
        assert isinstance(train, MapPrompts), "checked: nothing is streamed"
        with files.whole_folder(folder) as draft:
            train.rows.to_parquet(str(draft / "train.parquet"))
            heldout.rows.to_parquet(str(draft / "heldout.parquet"))
    prompts = replace(flow.prompts, source=str(folder), split="train", heldout="", revision=None)
    return replace(config, prompter=replace(config.prompter, flow=replace(flow, prompts=prompts)))


def of_round(config: TogetherConfig, number: int) -> TogetherConfig:
    """With a seed of its own, so that a round meets other requests and noises than the one before."""
    flow = config.prompter.flow
    run = replace(flow.run, seed=flow.run.seed + number - 1)
    return replace(config, prompter=replace(config.prompter, flow=replace(flow, run=run)))


def _train_writer(config: TogetherConfig, turn: Turn, writer: Path | None, model: Path | None) -> None:
    """The writer of the round before goes on, scored by the model of the round before."""
    from genrl.prompter.run import start as train

    before = config.prompter
    settings = replace(before.writer, path=str(writer)) if writer else before.writer
    source, tuned = (str(model), find(str(model)).tuned) if model else (before.source, before.tuned)
    flow = replace(before.flow, run=replace(before.flow.run, output=str(turn.own)))
    train(replace(before, writer=settings, source=source, tuned=tuned, flow=flow), resume=turn.begun)


def _train_model(config: TogetherConfig, turn: Turn, writer: Path, model: Path | None) -> None:
    """The model of the round before goes on behind the writer of this round."""
    from genrl.run import start as train

    flow = config.prompter.flow
    behind = replace(flow.prompts, prompter=str(writer))
    begin = checkpoint.found(model / CHECKPOINTS)[-1] if model else None
    train(replace(flow, prompts=behind, run=replace(flow.run, output=str(turn.own))), resume=turn.begun, begin=begin)
