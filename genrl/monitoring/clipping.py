"""A policy that drifts further within a rollout than its clip range lets it, from the metrics of the iterations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from genrl.monitoring.comparing import Finding
from genrl.settings import AlarmSettings

#: Iterations whose mean is looked at: how much one rollout drifts depends on its prompts.
WINDOW = 5
#: The share of terms that the clip leaves without gradient.
CLIPPED = "clip_ratio/region_mean"
DRIFT_BEYOND_CLIP = "drift beyond the clip"


def drift_beyond_clip(rows: Sequence[Mapping[str, float]], settings: AlarmSettings) -> Iterator[Finding]:
    """More terms of the last iterations were clipped than `settings.clipped`."""
    shares = [row[CLIPPED] for row in rows[-WINDOW:] if CLIPPED in row]
    if len(shares) == WINDOW and np.mean(shares) > settings.clipped:
        yield Finding(
            DRIFT_BEYOND_CLIP,
            CLIPPED,
            0,
            f"In the last {WINDOW} iterations ",
            f"{np.mean(shares):.0%} of the terms had no gradient, because their ratio had left objective.epsilon: widen it, "
            "lower train.learning_rate, or make fewer updates of a rollout (update_every)",
        )
