"""Faithfulness as the share of the request's content words that its prompt still has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from genrl.bounds import Fraction
from genrl.registry import register
from genrl.types import Prompt

#: English words that carry grammar instead of content, and the courtesies of a request.
FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a an the this that these those some any each every it its they them their he she his her him i me my we our us you
        your is are was were be been being am has have had do does did can could will would shall should may might must of in
        on at to for from by with into onto as and or but so if than then there here where which who whose what please show
        draw make paint put give create generate picture image photo want like need
        """,
    )
)


@register("faithfulness", "content-words")
@dataclass(frozen=True)
class ContentWords:
    """Coverage of the request's content words: words that are neither grammar nor courtesy, in singular, case aside.

    What a prompt adds is not looked at, as adding is what prompts are rewritten for; a synonym counts as lost. A request
    without a content word is kept by any prompt.

    enough: the share of its words from which a request counts as kept in full. Higher demands it word for word; lower
        leaves room for synonyms, and for leaving out what is hard to draw.
    """

    enough: Fraction = 0.75

    def __call__(self, asked: Sequence[Prompt], written: Sequence[str]) -> list[float]:
        return [self._kept(prompt.asked, text) for prompt, text in zip(asked, written, strict=True)]

    def _kept(self, request: str, text: str) -> float:
        wanted = content_words(request)
        if not wanted:
            return 1.0
        share = len(wanted & content_words(text)) / len(wanted)
        return min(1.0, share / self.enough) if self.enough else 1.0


def content_words(text: str) -> frozenset[str]:
    words = re.findall(r"[^\W_]+", text.casefold())
    return frozenset(_singular(word) for word in words if word not in FUNCTION_WORDS)


def _singular(word: str) -> str:
    """Without the ending of an English plural; the same for both numbers is all that matters."""
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
