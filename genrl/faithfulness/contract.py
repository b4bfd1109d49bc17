"""The contract of the kind "faithfulness"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from genrl.registry import slot
from genrl.types import Prompt


@slot("faithfulness")
class Faithfulness(Protocol):
    """How far rewritten prompts still ask for what was asked: keeps a prompt writer from winning by another request."""

    def __call__(self, asked: Sequence[Prompt], written: Sequence[str]) -> list[float]:
        """A number in [0, 1] for each row: 1 where nothing of the request is lost, 0 where nothing is left of it.

        asked: the requests, with the columns of their set. A request that is repeated unchanged scores 1.
        """
        ...
