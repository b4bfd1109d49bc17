"""The place in an answer of a picture that could not be scored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failed:
    """Stands in a reward's answer where a picture has no score, after the reward's own retries; never a number.

    None means "does not apply to this picture" and is an answer; `Failed` is none. What follows is the run's choice
    (`on_failure` of the reward's settings): it stops, or the picture's whole group is left out of the iteration.

    reason: what went wrong, for a person ("504 from http://judge:8000 after 4 attempts").
    """

    reason: str
