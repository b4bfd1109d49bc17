"""`genrl list` shows of each docstring its first sentence, which an abbreviation does not end."""

from __future__ import annotations

import pytest

from genrl.cli.listing import summary


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("Sharp. And more.", "Sharp."),
        ("A score (Wu et al. 2023) of\n    pictures. And more.", "A score (Wu et al. 2023) of pictures."),
        ("The policy (Algorithm 1; eq. 3).\n\nAnother paragraph.", "The policy (Algorithm 1; eq. 3)."),
        ("At t = 0.5 it stops. Then", "At t = 0.5 it stops."),
        ("No stop\n\nAnother.", "No stop"),
    ],
)
def test_first_sentence(docstring: str, expected: str) -> None:
    def target() -> None: ...

    target.__doc__ = docstring
    assert summary(target) == expected
