"""From iterations and evaluations to alarms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from genrl.monitoring.clipping import CLIPPED, drift_beyond_clip
from genrl.monitoring.collapse import SPREADS, collapse
from genrl.monitoring.comparing import Finding, Values
from genrl.monitoring.drift import drift
from genrl.monitoring.faithfulness import writer_drift
from genrl.monitoring.hacking import TOTAL, hacking, overfitting
from genrl.settings import AlarmSettings


@dataclass(frozen=True)
class Alarm:
    """What is suspected at a step, why in a sentence or more, and the evaluation to compare with."""

    step: int
    name: str
    sentence: str
    since: int


class Watch:
    """Told of everything that a run measures, it answers with new alarms. What it knows is a function of what it was told.

    trained: the rewards that are trained on, by name. A measure is a reason for an alarm once in a run.
    """

    def __init__(self, settings: AlarmSettings, trained: frozenset[str]) -> None:
        self.settings, self.trained = settings, trained
        self._rows: dict[int, Mapping[str, float]] = {}
        self._evaluations: dict[int, Values] = {}
        self._known: set[tuple[str, str]] = set()

    def iteration(self, step: int, row: Mapping[str, float]) -> list[Alarm]:
        self._rows[step] = {name: row[name] for name in (TOTAL, CLIPPED, *SPREADS) if name in row}
        rows = list(self._rows.values())
        return self._new(step, [*collapse(rows, self.settings), *drift_beyond_clip(rows, self.settings)])

    def evaluation(self, step: int, values: Values) -> list[Alarm]:
        self._evaluations[step] = values
        rewards = {k: row[TOTAL] for k, row in self._rows.items() if TOTAL in row}
        found = [
            *hacking(self._evaluations, self.trained, self.settings),
            *overfitting(self._evaluations, rewards, self.settings),
            *drift(self._evaluations, self.settings),
            *writer_drift(self._evaluations, self.settings),
        ]
        return self._new(step, found)

    def replay(self, iterations: Sequence[Mapping[str, float]], evaluations: Mapping[int, Values]) -> list[Alarm]:
        """All that a run has measured, in its order: rows of training with their `step`, evaluations by step."""
        alarms, rows = [], {int(row["step"]): row for row in iterations}
        for step in sorted(rows.keys() | evaluations.keys()):
            alarms += self.iteration(step, rows[step]) if step in rows else []
            alarms += self.evaluation(step, evaluations[step]) if step in evaluations else []
        return alarms

    def _new(self, step: int, found: Iterable[Finding]) -> list[Alarm]:
        """One alarm for each name, of the measures that were not yet a reason for it."""
        fresh: dict[str, list[Finding]] = {}
        for finding in found:
            if (finding.name, finding.measure) not in self._known:
                self._known.add((finding.name, finding.measure))
                fresh.setdefault(finding.name, []).append(finding)
        return [Alarm(step, name, _sentences(findings), findings[0].since) for name, findings in fresh.items()]


def _sentences(findings: Sequence[Finding]) -> str:
    """One sentence for each lead."""
    details: dict[str, list[str]] = {}
    for finding in findings:
        details.setdefault(finding.lead, []).append(finding.detail)
    return " ".join(f"{lead}{'; '.join(parts)}." for lead, parts in details.items())
