"""Several models under one card: who they are, whether their cards agree, and their scores."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from genrl.config.checks import check_rewards
from genrl.errors import ConfigError
from genrl.eval_card import EvalCard, differences
from genrl.judging.judge import judge
from genrl.judging.judgement import Judgement, is_judgement, read_judgement
from genrl.judging.protocol import Protocol
from genrl.judging.source import Found, called, find
from genrl.prompter.rewriting import check_rewriter

#: What the untrained model of the first run is called.
BASE = "base"


@dataclass(frozen=True)
class Contender:
    """One of the compared: a model with the protocol it is going to be judged by, or a judgement that is there already."""

    name: str
    source: str
    found: Found | None = None
    protocol: Protocol | None = None
    judged: Judgement | None = None

    @property
    def card(self) -> EvalCard:
        if self.judged is not None:
            return self.judged.card
        assert self.protocol is not None, "what is not judged yet has a protocol"
        return self.protocol.card


@dataclass(frozen=True)
class Question:
    """What was asked for beside the sources: changes of their configurations, other prompts, one card for all.

    prompter: a prompt writer; every model is then drawn from the requests as they are, and from what it writes for them.
    """

    sets: Sequence[str] = ()
    device: str | None = None
    flags: Mapping[str, Any] | None = None
    prompts: str | None = None
    re_evaluate: bool = False
    prompter: str | None = None


def contenders(sources: Sequence[str], question: Question) -> list[Contender]:
    """Everyone, ready to be judged; ConfigError if their cards differ. No weights are read.

    With `question.re_evaluate` all get the card of the first, which is that of its run with what was asked for changed.
    """
    if len(sources) < (1 if question.prompter else 2):
        raise ConfigError("There is nothing to compare; give at least two runs, checkpoints, folders, models, or `base`.")
    folders = {s: read_judgement(Path(s)) for s in sources if is_judgement(Path(s))}
    kept = {} if question.re_evaluate else folders
    models = {s: _find(folders[s].card.weights["source"] if s in folders else s, question) for s in sources if _drawn(s, kept)}
    if BASE in sources:
        if not models:
            raise ConfigError("`base` is the untrained model of a run; name a run or a checkpoint beside it.")
        models[BASE] = next(iter(models.values())).untuned
    if question.re_evaluate:
        first = models[sources[0]]
        models = {source: _alike(found, first) for source, found in models.items()}
    everyone = []
    for source, name in zip(sources, _names(sources), strict=True):
        if source in kept:
            everyone.append(Contender(name, source, judged=kept[source]))
        else:
            check_rewards(models[source].config.rewards)
            for label, found in _with_and_without(name, models[source], question.prompter):
                everyone.append(Contender(label, source, found, Protocol.of(found.config, question.prompts)))
    refuse_unequal({contender.name: contender.card for contender in everyone})
    return everyone


def judge_all(everyone: Sequence[Contender], folder: Path, console: Console | None = None) -> dict[str, Judgement]:
    """By name, in order. Evaluations are kept in `folder`, one folder each, and can be compared again."""
    judged = {}
    for contender in everyone:
        if contender.judged is not None:
            judged[contender.name] = contender.judged
            continue
        assert contender.found is not None and contender.protocol is not None, "see Contender"
        source = contender.found.base.path if contender.source == BASE else contender.source
        judged[contender.name] = judge(contender.found, contender.protocol, folder / contender.name, source, console)
        gc.collect()  # a pipeline refers to itself, and the next one may need its memory
    refuse_unequal({name: one.card for name, one in judged.items()})
    return judged


def refuse_unequal(cards: Mapping[str, EvalCard]) -> None:
    """ConfigError, naming every field in which a card differs from the first, and its values."""
    (first, reference), *others = cards.items()
    found = [(name, field, pair) for name, card in others for field, pair in differences(reference, card).items()]
    if not found:
        return
    fields = dict.fromkeys(field for _, field, _ in found)
    said = []
    for field in fields:
        own = [f"{_short(pair[1])} of {name}" for name, other, pair in found if other == field]
        value = next(pair[0] for _, other, pair in found if other == field)
        said.append(f"{field} ({_short(value)} of {first}, {', '.join(own)})")
    raise ConfigError(
        f"These were not judged alike, so their scores cannot be compared: {'; '.join(said)}. "
        f"Give --re-evaluate to judge all of them anew, as the run of {first} is evaluated."
    )


def _drawn(source: str, kept: Mapping[str, Judgement]) -> bool:
    return source != BASE and source not in kept


def _find(source: str, question: Question) -> Found:
    return find(source, question.sets, question.device, question.flags)


def _alike(found: Found, first: Found) -> Found:
    """A model, judged as another is."""
    model = replace(found.base, call=first.base.call, dtype=first.base.dtype)
    # Where a run keeps an average of its weights, that is its result, whatever the others do.
    train = replace(first.config.train, ema_decay=found.config.train.ema_decay)
    return Found(replace(first.config, model=model, train=train), found.tuned)


def _with_and_without(name: str, found: Found, prompter: str | None) -> list[tuple[str, Found]]:
    """A model as it is evaluated; if a writer is asked for, once without any writer and once with that one."""
    if prompter is None:
        return [(name, found)]
    check_rewriter(prompter)
    labels = {name: "", f"{name}+{called(prompter)}": prompter}
    return [
        (label, replace(found, config=replace(found.config, prompts=replace(found.config.prompts, prompter=writer))))
        for label, writer in labels.items()
    ]


def _names(sources: Sequence[str]) -> list[str]:
    """Short and distinct."""
    names: list[str] = []
    for source in sources:
        name, number = called(source), 1
        while (new := name if number == 1 else f"{name}-{number}") in names:
            number += 1
        names.append(new)
    return names


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) > 40 else text
