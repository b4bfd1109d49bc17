"""Judgements set beside each other: means, paired differences to the first, and how often each wins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from genrl.judging.judgement import Judgement
from genrl.statistics import Interval, bootstrap, share

#: What is measured of pictures as such, by no reward: of these more is not better.
PLAIN = "pictures/"


@dataclass(frozen=True)
class Place:
    """One method at one measure.

    difference, wins: to the first method, picture by picture on the same prompt and noise; None of the first itself.
    wins is the share of pictures on which this method scores higher, ties counting half; None where more is not better.
    """

    method: str
    score: Interval
    difference: Interval | None = None
    wins: Interval | None = None

    @property
    def verdict(self) -> Literal["higher", "lower", "no clear change", ""]:
        """Whether the interval of the difference leaves out 0; empty where more is not better."""
        if self.difference is None or self.wins is None:
            return ""
        if self.difference.low > 0:
            return "higher"
        return "lower" if self.difference.high < 0 else "no clear change"


def compare(judged: Mapping[str, Judgement]) -> dict[str, list[Place]]:
    """By measure, in the order of the methods; what not all have measured is left out, and what is there twice."""
    (first, reference), *others = judged.items()
    names = [name for name in reference.values if all(name in other.values for _, other in others)]
    table: dict[str, list[Place]] = {}
    for name in names:
        places = [Place(first, reference.interval(name))]
        for method, other in others:
            change = other.values[name] - reference.values[name]
            wins = np.where(np.isnan(change), np.nan, (change > 0) + 0.5 * (change == 0))
            scored = not name.startswith(PLAIN)
            places.append(Place(method, other.interval(name), bootstrap(change), share(wins) if scored else None))
        # A single reward of weight 1 is the total.
        if not (name.startswith("rewards/") and places == table.get("reward")):
            table[name] = places
    return table


def write_numbers(path: Path, judged: Mapping[str, Judgement], table: Mapping[str, list[Place]]) -> None:
    """The table and the cards as JSON; null where there is no number."""
    plain = {
        "methods": {name: {"folder": str(one.folder), "card": asdict(one.card)} for name, one in judged.items()},
        "measures": {name: [_plain(place) for place in places] for name, places in table.items()},
    }
    path.write_text(json.dumps(plain, indent=1))


def _plain(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = {"method": place.method}
    for name in ("score", "difference", "wins"):
        interval = getattr(place, name)
        ends = asdict(interval) if interval is not None else {}
        found[name] = {end: None if np.isnan(value) else value for end, value in ends.items()} or None
    return found
