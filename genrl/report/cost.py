"""What a run has cost, counted where the network was called. Evaluations and saving are not in it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from genrl.report.folder import RunFolder

#: What goes through the network counts as evaluations: one row is one latent at one step.
NETWORK = ("forwards", "snapshot_forwards", "reference_forwards", "backwards")


@dataclass(frozen=True)
class Cost:
    """Totals over the iterations of a run.

    evaluations: rows through the network; `trained` of them with gradient, `reference` under the reference weights.
    pictures: latents decoded and scored. updates: optimizer steps. seconds: time spent in iterations.
    seconds_each: the median of an iteration; 0 before the first.
    """

    evaluations: int
    trained: int
    reference: int
    pictures: int
    updates: int
    seconds: float
    seconds_each: float


def cost(run: RunFolder) -> Cost:
    def total(name: str) -> float:
        return sum(row[name] for row in run.iterations)

    return Cost(
        evaluations=round(sum(total(name) for name in NETWORK)),
        trained=round(total("backwards")),
        reference=round(total("reference_forwards")),
        pictures=round(total("decodes")),
        updates=round(total("optimizer_steps")),
        seconds=total("step_time"),
        seconds_each=statistics.median([row["step_time"] for row in run.iterations] or [0.0]),
    )
