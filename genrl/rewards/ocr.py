"""Does the picture show the text that was asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from PIL import Image

from genrl.bounds import Count
from genrl.errors import RewardError
from genrl.registry import register
from genrl.rewards.edit_distance import edit_distance
from genrl.rewards.examples import words
from genrl.rewards.reading import package_version, read, reader
from genrl.types import Prompt

QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»')


@register("reward", "ocr")
@dataclass(frozen=True)
class Ocr:
    """1 - edit distance / length between the text in the picture and the text asked for: 1 is exact, 0 nothing alike.

    The text-rendering reward of Flow-GRPO (Liu et al. 2025, arXiv:2505.05470), read by RapidOCR (the
    PP-OCR networks, which its package holds) instead of PaddleOCR, on the CPU and one picture after the other. What was
    read is logged as the extra column `ocr_text`.

    The text asked for is the row's column `column`, else what stands in double quotes in the prompt, parts joined by
    spaces; a row with neither gets None. A run wins it with plain letters, large and flat on an empty ground: nothing
    here asks for the scene around them. Weigh it beside a reward of looks.

    column: the prompts' column with the text.
    match: "whole" compares with all text in the picture and divides by the longer of both, so text that was not asked for
        costs; "substring" compares with the nearest part of it, so only the text asked for counts, as in Flow-GRPO's code.
    fold_case: True takes upper and lower case for the same; False demands the case too.
    fold_space: True leaves out all white space, which OCR often misreads; False counts each space as a letter.
    side: smaller pictures are enlarged until their shorter side has so many pixels before letters are looked for. Higher
        finds smaller letters; the time goes with its square.
    threads: of the CPU; more read faster until they take the cores that the model needs.
    """

    column: str = "text"
    match: Literal["whole", "substring"] = "whole"
    fold_case: bool = True
    fold_space: bool = True
    side: Count = 736
    threads: Count = 1

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    example_prompts: ClassVar[tuple[Prompt, ...]] = (Prompt('a sign that says "OPEN"'), Prompt("a poster without words"))

    def __call__(
        self, prompts: list[str], completions: Sequence[Image.Image], log_extra: Any = None, **columns: Any
    ) -> list[float | None]:
        wanted = [self.wanted(*row) for row in zip(prompts, columns.get(self.column) or [None] * len(prompts), strict=True)]
        texts = [None if text is None else self._read(picture) for text, picture in zip(wanted, completions, strict=True)]
        if log_extra is not None:
            log_extra("ocr_text", texts)
        return [None if text is None else self.likeness(text, seen or "") for text, seen in zip(wanted, texts, strict=True)]

    def wanted(self, prompt: str, given: Any) -> str | None:
        """The text that the picture should show; None if the row asks for none."""
        text = " ".join("".join(parts) for parts in QUOTED.findall(prompt)) if given is None else str(given)
        return text if self._folded(text) else None

    def likeness(self, wanted: str, text: str) -> float:
        """In [0, 1]; 1 where they are equal."""
        wanted, text = self._folded(wanted), self._folded(text)
        anywhere = self.match == "substring"
        return 1 - edit_distance(wanted, text, anywhere) / (len(wanted) if anywhere else max(len(wanted), len(text)))

    def check(self) -> None:
        """RewardError with the cure if RapidOCR is not installed."""
        reader(self.threads, self.side)

    @property
    def version(self) -> str:
        return package_version()

    def known_answers(self) -> tuple[dict[str, Any], Any, Any]:
        """Columns of a prompt, a picture that scores high and one that scores low, (3, H, W) in [0, 1]."""
        return {"prompt": 'a sign that says "coffee"', self.column: "coffee"}, words("coffee"), words("fecfoe")

    def _read(self, picture: Any) -> str:
        if not isinstance(picture, Image.Image):
            raise RewardError("ocr reads pictures, not videos; use the reward per-frame with its option of: ocr.")
        return read(picture, self.threads, self.side)

    def _folded(self, text: str) -> str:
        text = text.casefold() if self.fold_case else text
        return re.sub(r"\s+", "", text) if self.fold_space else " ".join(text.split())
