"""Groups whose members have become alike, from the metrics of the iterations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from genrl.monitoring.comparing import Finding
from genrl.monitoring.drift import COLLAPSE
from genrl.settings import AlarmSettings

#: Iterations whose mean is compared, the first ones and the last ones: prompts differ from one to the next.
WINDOW = 5
SPREADS = {
    "pictures/latent_diversity": "the final latents of a group have become alike",
    "pictures/diversity": "the pictures of a group have become alike",
    "reward_std": "the rewards of a group have become alike, so there is little left to learn from",
}


def collapse(rows: Sequence[Mapping[str, float]], settings: AlarmSettings) -> Iterator[Finding]:
    """Spreads inside a group that have fallen below `settings.collapse` of where they began."""
    if len(rows) < 2 * WINDOW:
        return
    for name, meaning in SPREADS.items():
        first, last = (_mean(part, name) for part in (rows[:WINDOW], rows[-WINDOW:]))
        if last < settings.collapse * first:
            yield Finding(
                COLLAPSE,
                name,
                0,
                f"From the first to the last {WINDOW} iterations ",
                f"{name} fell from {first:.3g} to {last:.3g}, {meaning}",
            )


def _mean(rows: Sequence[Mapping[str, float]], name: str) -> float:
    return float(np.mean([row.get(name, np.nan) for row in rows]))
