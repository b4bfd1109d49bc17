"""Numbers are read out of what judges say, and out of nothing else."""

from __future__ import annotations

import math
import re

import pytest

from genrl.rewards.judge.chat import Alternative, Choice, LogProbs, Message, Token
from genrl.rewards.judge.reading import LONGEST, score_of, yes_of
from genrl.rewards.transport import Unusable


def says(text: str | None) -> Choice:
    return Choice(message=Message(content=text), finish_reason="stop")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"score": 7}', 0.7),
        ('{"score": "7"}', 0.7),
        ('{"score": 0}', 0.0),
        ('```json\n{"score": 10.0}\n```', 1.0),
        ('The example was {"score": 2}. My verdict: {"why": "fine", "score": 5}', 0.5),
        ('{"parts": {"objects": 3}, "score": 4}', 0.4),
        ('{thinking aloud} {"score": 6.5}', 0.65),
    ],
)
def test_scores_in_json(text: str, value: float) -> None:
    assert score_of(says(text), 0, 10) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "7",
        "Score: 7",
        '{"rating": 7}',
        '{"score": true}',
        '{"score": [7]}',
        '{"score": 10.01}',
        '{"score": -1}',
        '{"score": NaN}',
        '{"score": Infinity}',
        '{"score": "nan"}',
        '{"score": 1' + "0" * 400 + "}",
        '{"score": 7',
        "[" * 5000 + '{"score": }',
        "{" * (LONGEST - 1),
        "{" * 30_000,
        " ",
        None,
    ],
)
def test_what_is_no_score(text: str | None) -> None:
    with pytest.raises(Unusable):
        score_of(says(text), 0, 10)


def test_ranges_and_patterns() -> None:
    assert score_of(says("I say 4/5."), 1, 5, r"(\d)/5") == 0.75
    assert score_of(says('{"score": -3}'), -5, 5) == pytest.approx(0.2)
    with pytest.raises(Unusable, match="no score"):
        score_of(says("four of five"), 1, 5, r"(\d)/5")
    with pytest.raises(Unusable, match="outside"):
        score_of(says("9/5"), 1, 5, r"(\d)/5")


def answers(*words: tuple[str, float], before: tuple[str, ...] = ()) -> Choice:
    top = [Alternative(token=word, logprob=math.log(p)) for word, p in words]
    tokens = [Token(token=blank) for blank in before]
    return Choice(
        message=Message(content="x"), logprobs=LogProbs(content=[*tokens, Token(token=words[0][0], top_logprobs=top)])
    )


def test_yes_against_no() -> None:
    assert yes_of(answers(("Yes", 0.6), ("No", 0.2))) == pytest.approx(0.75)
    assert yes_of(answers((" no", 0.5), ("NO", 0.1), ("▁yes", 0.2))) == pytest.approx(0.25)
    assert yes_of(answers(("Yes", 0.9), before=("\n", " "))) == 1.0
    assert yes_of(answers(("No.", 0.6), ("Nothing", 0.4))) == 0.0


def test_neither_yes_nor_no() -> None:
    with pytest.raises(Unusable, match=re.escape("neither yes nor no (together 0.40): 'Maybe'")):
        yes_of(answers(("Maybe", 0.6), ("yes", 0.3), ("no", 0.1)))
    with pytest.raises(Unusable, match="without logprobs"):
        yes_of(says("Yes"))
