"""A prompt writer that has come to ask for something else than it was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from genrl.monitoring.comparing import Change, Evaluations, Finding, references
from genrl.settings import AlarmSettings

#: How an evaluation calls the faithfulness of its written prompts, and the alarm.
FAITHFULNESS, DRIFT = "faithfulness", "prompt writer drifts"


def writer_drift(evaluations: Evaluations, settings: AlarmSettings) -> Iterator[Finding]:
    """The faithfulness of the last evaluation has fallen since the first, or since its best, for sure.

    Whatever the reward does: a writer that leaves the request is wrong even where the pictures gain nothing by it. Sure is
    a paired difference whose interval stays clear of 0 by `settings.fall` standard deviations.
    """
    now = list(evaluations)[-1]
    for since in references(evaluations, FAITHFULNESS):
        change = Change.of(FAITHFULNESS, evaluations[since], evaluations[now])
        if change and change.difference.high < -settings.fall * change.spread:
            yield Finding(
                DRIFT,
                FAITHFULNESS,
                since,
                f"Since step {since} the written prompts have left the requests: ",
                f"faithfulness fell {change} (paired difference {change.difference}), so give it a higher weight "
                "(writer.faithfulness_weight), or take an earlier checkpoint",
            )
            break
