"""Held-out samples with their scores: those of one batch, of one process, of all processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genrl.processes import Processes
from genrl.rewards import Scores


@dataclass(frozen=True)
class Drawn:
    """Samples by their numbers, in the order of the scores and of the metrics (S,).

    images: (n, *picture) of the samples `shown`, on the CPU.
    """

    numbers: list[int]
    scores: Scores
    metrics: dict[str, Tensor]
    shown: list[int]
    images: Tensor

    @staticmethod
    def join(parts: Sequence[Drawn]) -> Drawn:
        return Drawn(
            numbers=[number for part in parts for number in part.numbers],
            scores=Scores.join([part.scores for part in parts]),
            metrics={name: torch.cat([part.metrics[name] for part in parts]) for name in parts[0].metrics},
            shown=[number for part in parts for number in part.shown],
            images=torch.cat([part.images for part in parts]),
        )

    def plain(self) -> dict[str, Any]:
        """As JSON holds it, with the shape of a picture for the images."""
        return {
            "numbers": self.numbers,
            "scores": self.scores.plain(),
            "metrics": {name: values.tolist() for name, values in self.metrics.items()},
            "shown": self.shown,
            "picture": list(self.images.shape[1:]),
        }

    @staticmethod
    def of_plain(plain: Mapping[str, Any], images: Tensor) -> Drawn:
        """What `plain` wrote, and its images."""
        metrics = {name: torch.tensor(values, dtype=torch.float64) for name, values in plain["metrics"].items()}
        return Drawn(plain["numbers"], Scores.of_plain(plain["scores"]), metrics, plain["shown"], images)


def gathered(drawn: Drawn | None, processes: Processes) -> Drawn:
    """What all processes have drawn, on each of them; None is what a process hands in that has no sample to draw."""
    if processes.count == 1 and drawn:
        return drawn
    told = processes.tell(drawn and drawn.plain())
    counts, picture = [len(plain["shown"]) if plain else 0 for plain in told], next(filter(None, told))["picture"]
    images = processes.gather(drawn.images if drawn else torch.zeros(0, *picture), counts).split(counts)
    return Drawn.join([Drawn.of_plain(plain, mine) for plain, mine in zip(told, images, strict=True) if plain])
