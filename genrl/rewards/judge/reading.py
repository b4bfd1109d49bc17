"""From what the judge says to a number in [0, 1], or to the reason why there is none."""

from __future__ import annotations

import math
import re
from typing import Any

from pydantic_core import from_json

from genrl.rewards.judge.chat import Choice
from genrl.rewards.transport import Unusable, printable

#: Longer answers are no answers; it also bounds the work of the user's own pattern.
LONGEST = 20_000
#: A flat object; each character is looked at once.
OBJECT = re.compile(r"\{[^{}]*\}")
#: What tokenizers put around a word.
AROUND = " \t\r\n▁Ġ.,:;!\"'*`"


def score_of(choice: Choice, lowest: float, highest: float, pattern: str = "") -> float:
    """The score in the answer, from [lowest, highest] to [0, 1]; Unusable if there is none or it lies outside.

    It is the value of "score" in the last JSON object that has one, or the group of `pattern` where that first matches.
    """
    text = _text(choice)
    value = _matched(text, pattern) if pattern else _in_json(text)
    if value is None or not lowest <= value <= highest:
        what = "no score" if value is None else "a score outside"
        raise Unusable(f"{what} in [{lowest:g}, {highest:g}]: {printable(text)!r}")
    return float((value - lowest) / (highest - lowest))


def yes_of(choice: Choice) -> float:
    """P(yes) / (P(yes) + P(no)) of the first word; Unusable where the two have less than half of the probability."""
    tokens = (choice.logprobs.content if choice.logprobs else None) or []
    first = next((token for token in tokens if token.token.strip(AROUND)), None)
    if first is None or not first.top_logprobs:
        raise Unusable("an answer without logprobs, which mode=yesno needs")
    share = {"yes": 0.0, "no": 0.0}
    for alternative in first.top_logprobs:
        word = alternative.token.strip(AROUND).lower()
        if word in share:
            share[word] += math.exp(alternative.logprob)
    total = sum(share.values())
    if total < 0.5:
        raise Unusable(f"neither yes nor no (together {total:.2f}): {printable(first.token)!r}")
    return share["yes"] / total


def _text(choice: Choice) -> str:
    text = choice.message.content or ""
    if not text.strip():
        raise Unusable(f"no text (finish_reason {printable(str(choice.finish_reason))})")
    if len(text) > LONGEST:
        raise Unusable(f"a text of {len(text)} characters")
    return text


def _matched(text: str, pattern: str) -> float | None:
    found = re.search(pattern, text)
    return None if found is None else _number(found.group(1))


def _in_json(text: str) -> float | int | None:
    """The whole between the outermost braces first, as it may hold nested objects; then the flat objects, from the end."""
    whole = text[text.find("{") : text.rfind("}") + 1]
    for candidate in [whole, *reversed(OBJECT.findall(text))]:
        try:
            found = from_json(candidate)
        except ValueError:
            continue
        if isinstance(found, dict) and "score" in found:
            return _number(found["score"])
    return None


def _number(value: Any) -> float | int | None:
    """A number, also where it is spelled ("7"); None for anything else."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
