"""A model's scores under a card, as a folder: card.json, scores.json and the pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genrl.errors import RunFolderError
from genrl.eval_card import EvalCard, read_card
from genrl.statistics import Interval, bootstrap

CARD, SCORES, PICTURES = "card.json", "scores.json", "pictures"


@dataclass(frozen=True)
class Judgement:
    """S scored pictures.

    prompts, pictures: of each sample. values: by name, `reward` first, (S,) float64 with NaN where there is no value.
    failures: for each reward by name, sample -> why it has no score.
    written: what a prompt writer made of each sample's prompt; empty where there was no writer.
    """

    folder: Path
    card: EvalCard
    prompts: Sequence[str]
    pictures: Sequence[Path]
    values: dict[str, np.ndarray]
    failures: dict[str, dict[int, str]]
    written: Sequence[str] = ()

    def interval(self, name: str = "reward") -> Interval:
        return bootstrap(self.values[name])

    def write(self) -> None:
        self.card.write(self.folder / CARD)
        (self.folder / SCORES).write_text(json.dumps(self.plain(), indent=1))

    def plain(self) -> dict[str, Any]:
        """Overall and for each prompt means with 95 % intervals, and all samples; null where there is no number.

        A prompt with a single score has a mean and no interval.
        """
        rows: dict[str, list[int]] = {}
        for sample, prompt in enumerate(self.prompts):
            rows.setdefault(prompt, []).append(sample)
        return {
            "overall": {name: _summary(values) for name, values in self.values.items()},
            "prompts": [
                {"prompt": prompt} | {name: _summary(values[own]) for name, values in self.values.items()}
                for prompt, own in rows.items()
            ],
            "samples": [
                {
                    "prompt": prompt,
                    **({"written": self.written[sample]} if self.written else {}),
                    "picture": self.pictures[sample].relative_to(self.folder).as_posix(),
                    "scores": {name: _number(values[sample]) for name, values in self.values.items()},
                    "failures": {name: why[sample] for name, why in self.failures.items() if sample in why},
                }
                for sample, prompt in enumerate(self.prompts)
            ],
        }


def is_judgement(folder: Path) -> bool:
    return (folder / CARD).is_file() and (folder / SCORES).is_file()


def read_judgement(folder: Path) -> Judgement:
    """What `Judgement.write` wrote; RunFolderError if it is damaged."""
    path = folder / SCORES
    try:
        samples = json.loads(path.read_text())["samples"]
        names = list(samples[0]["scores"])
        failed = {name: {i: s["failures"][name] for i, s in enumerate(samples) if name in s["failures"]} for name in names}
        return Judgement(
            folder=folder,
            card=read_card(folder / CARD),
            prompts=[sample["prompt"] for sample in samples],
            pictures=[folder / sample["picture"] for sample in samples],
            values={name: np.asarray([s["scores"][name] for s in samples], dtype=np.float64) for name in names},
            failures={name: why for name, why in failed.items() if why},
            written=[sample["written"] for sample in samples if "written" in sample],
        )
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise RunFolderError(f"{path} cannot be read ({error}); evaluate again with `genrl eval`.") from error


def _summary(values: np.ndarray) -> dict[str, Any]:
    count, found = int((~np.isnan(values)).sum()), bootstrap(values)
    ends = asdict(found) if count > 1 else {"mean": found.mean, "low": np.nan, "high": np.nan}
    return {name: _number(value) for name, value in ends.items()} | {"samples": count}


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if np.isnan(value) else float(value)
