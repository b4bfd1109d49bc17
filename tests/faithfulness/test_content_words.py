"""Coverage of content words on pairs whose value is known."""

from __future__ import annotations

import pytest

from genrl.faithfulness import ContentWords
from genrl.types import Prompt


@pytest.mark.parametrize(
    ("request_", "written", "share"),
    [
        ("please draw a red cat", "a red cat on a sofa, soft light", 1.0),
        ("two red cats", "Two red cat portraits", 1.0),
        ("a red cat, a blue dog", "a red cat", 0.5),
        ("a red cat", "a tax form", 0.0),
        ("a red cat", "", 0.0),
        ("make one of these for me, please", "anything", 0.0),
        ("can you show it to me", "anything", 1.0),
        ("das Haus", "ein Haus", 0.5),
    ],
)
def test_the_share_of_what_is_asked_for(request_: str, written: str, share: float) -> None:
    assert ContentWords(enough=1.0)([Prompt(request_)], [written]) == [share]


def test_enough_is_where_a_request_counts_as_kept() -> None:
    asked, written = [Prompt("a red cat beside a blue dog")], ["a red cat with a dog"]  # 3 of its 5 words
    assert ContentWords(enough=0.6)(asked, written) == [1.0]
    assert ContentWords(enough=0.8)(asked, written) == [pytest.approx(0.75)]
