from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genrl.bounds import Fraction, Natural, NonNegative
from genrl.errors import ConfigError
from genrl.registry import register
from genrl.snapshots.labels import check_label


@register("snapshot", "ramp")
@dataclass(frozen=True)
class Ramp:
    """An average whose decay rises with the optimizer steps n of the run: initial until `start`, then
    min(initial + slope (n - start), most).

    DiffusionNFT's old policy (arXiv:2509.16117) has slope .001 and most .5, or start 75, slope .0075 and most .999;
    DGPO's fast average (arXiv:2510.08425) slope .001 and most .3, at every update.

    label: what the weight set is called.
    every: "iteration" or "update", when it moves. At every update it follows sooner.
    start: optimizer steps before the decay rises. Up, the set stays near the current weights for longer.
    initial: the decay at the beginning; 0 copies the current weights. Up, the set lags from the start.
    slope: what each optimizer step adds. Up, the set slows down sooner.
    most: where the decay stops. Up, the set ends slower and steadier; down, it stays nearer to the current weights.
    """

    label: str = "old"
    every: Literal["update", "iteration"] = "iteration"
    start: Natural = 0
    initial: Fraction = 0.0
    slope: NonNegative = 0.001
    most: Fraction = 0.5

    def __post_init__(self) -> None:
        check_label(self.label)
        if self.most < self.initial:
            raise ConfigError(f"{self.label}.most is {self.most}, below initial ({self.initial}); raise it.")

    def decay(self, updates: int) -> float:
        return min(self.initial + self.slope * max(0, updates - self.start), self.most)
