from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genrl.registry import register
from genrl.snapshots.labels import check_label


@register("snapshot", "copied")
@dataclass(frozen=True)
class Copied:
    """The weights as they were at the last moment of a kind: the old policy of PPO.

    label: what the weight set is called.
    every: "iteration" keeps the weights that began the iteration, so all its updates are measured against them; "update"
        keeps those of the last update.
    """

    label: str = "old"
    every: Literal["update", "iteration"] = "iteration"

    def __post_init__(self) -> None:
        check_label(self.label)

    def decay(self, updates: int) -> float:
        """0: nothing is left of what was there."""
        return 0.0
