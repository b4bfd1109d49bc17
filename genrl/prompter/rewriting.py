"""A frozen prompt writer in front of a flow model: each request is rewritten once, and the prompt is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from genrl.data_protocols import PromptSource
from genrl.judging.source import device_of
from genrl.prompter.language_model import asking_of, check_language_model, load_language_model, max_new_tokens
from genrl.prompter.settings import WriterSettings
from genrl.prompter.writer import Writer
from genrl.tracking import MetricsLog
from genrl.types import Prompt

#: In a run's folder, what was written for each request.
WRITTEN = "written.jsonl"


class Rewriter:
    """Prompts in place of requests. `path`: a file of rows that keeps what was written, so that a resumed run meets the same
    prompts even where another batch or another machine would round otherwise; None keeps it in memory alone.
    """

    def __init__(self, writer: Writer, path: Path | None = None) -> None:
        self.writer, self.log = writer, MetricsLog(path) if path else None
        self.written: dict[str, str] = {}
        if self.log:
            self.log.keep(lambda row: True)  # but for a line that was cut short
            self.written |= {row["request"]: row["prompt"] for row in self.log.rows()}

    def __call__(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The prompts with what was written for them, which remember their requests."""
        new = [text for text in dict.fromkeys(prompt.asked for prompt in prompts) if text not in self.written]
        if new:
            fresh = dict(zip(new, self.writer(new), strict=True))
            self.written |= fresh
            if self.log:
                self.log.append(*({"request": request, "prompt": text} for request, text in fresh.items()))
        return [replace(prompt, text=self.written[prompt.asked], request=prompt.asked) for prompt in prompts]


@dataclass(frozen=True)
class RewrittenPrompts:
    """A source of prompts whose texts are what a writer makes of them."""

    source: PromptSource
    rewriter: Rewriter

    def draw(self, start: int, count: int) -> list[Prompt]:
        return self.rewriter(self.source.draw(start, count))


def check_rewriter(prompter: str) -> None:
    """ModelError or ConfigError if a folder or hub id is no prompt writer; reads no weights."""
    settings = WriterSettings(path=prompter)
    asking_of(settings, check_language_model(settings, padded=False))


@lru_cache(maxsize=1)
def rewriter(prompter: str, device: str, folder: Path | None = None) -> Rewriter:
    """The writer of a folder or hub id, loaded once. device: as in `run.device`. folder: of a run, to keep what is written."""
    settings = WriterSettings(path=prompter)
    tokenizer = check_language_model(settings, padded=False)
    model = load_language_model(settings, dtype="auto").to(device_of(device))
    writer = Writer(model, tokenizer, asking_of(settings, tokenizer), max_new_tokens(settings))
    return Rewriter(writer, folder / WRITTEN if folder else None)
