"""What a panel answers, and several answers as one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from genrl.types import Prompt


@dataclass(frozen=True)
class Scores:
    """What R rewards said of B pictures.

    values: (R, B) float64 on the CPU, NaN where a reward does not apply or failed.
    failures: for each reward by name, the rows that it could not score and why.
    metrics: numbers that rewards reported with `log_metric`.
    extras: columns of B values that rewards reported with `log_extra`.
    seconds: how long each reward took; async ones overlap with all others.
    """

    values: Tensor
    failures: dict[str, dict[int, str]] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    extras: dict[str, list[Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> Tensor:
        """(R, B) bool, where a reward has no score for a picture."""
        mask = torch.zeros(self.values.shape, dtype=torch.bool)
        for r, rows in enumerate(self.failures.values()):
            mask[r, list(rows)] = True
        return mask

    def complaint(self) -> str:
        """What failed, for a message: for each reward the number of pictures, and the first reason."""
        count = self.values.shape[1]
        return "; ".join(
            f"reward {name!r} failed for {len(rows)} of {count} pictures ({rows[min(rows)]})"
            for name, rows in self.failures.items()
            if rows
        )

    def samples(self, prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
        """One row a picture: its prompt, each reward, None where there is no number, and the extra columns.

        Empty if no reward logged a column. Where a writer rewrote requests, `prompt` is the request and `written` the prompt.
        """
        if not self.extras:
            return []
        columns: dict[str, list[Any]] = {"prompt": [prompt.asked for prompt in prompts]}
        if any(prompt.request is not None for prompt in prompts):
            columns["written"] = [prompt.text for prompt in prompts]
        for name, values in zip(self.failures, self.values.tolist(), strict=True):
            columns[f"rewards/{name}"] = [None if math.isnan(value) else value for value in values]
        columns |= self.extras
        return [{name: values[b] for name, values in columns.items()} for b in range(len(prompts))]

    @staticmethod
    def join(parts: Sequence[Scores]) -> Scores:
        """The pictures of all parts, in order. A metric is averaged by pictures over the parts that report it."""
        sizes = [part.values.shape[1] for part in parts]
        starts = [sum(sizes[:k]) for k in range(len(parts))]
        return Scores(
            values=torch.cat([part.values for part in parts], dim=1),
            failures={
                name: {
                    start + row: reason
                    for part, start in zip(parts, starts, strict=True)
                    for row, reason in part.failures[name].items()
                }
                for name in parts[0].failures
            },
            metrics=_averaged([part.metrics for part in parts], sizes),
            extras=_joined([part.extras for part in parts], sizes),
            seconds={name: sum(part.seconds[name] for part in parts) for name in parts[0].seconds},
        )

    @staticmethod
    def beside(parts: Sequence[Scores]) -> Scores:
        """As `join`, of parts that were scored at the same time."""
        longest = {name: max(part.seconds[name] for part in parts) for name in parts[0].seconds}
        return replace(Scores.join(parts), seconds=longest)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return vars(self) | {"values": self.values.tolist()}

    @staticmethod
    def of_plain(plain: Mapping[str, Any]) -> Scores:
        """What `plain` wrote."""
        failures = {name: {int(row): why for row, why in rows.items()} for name, rows in plain["failures"].items()}
        return Scores(**{**plain, "values": torch.tensor(plain["values"], dtype=torch.float64), "failures": failures})


def _averaged(parts: Sequence[Mapping[str, float]], sizes: Sequence[int]) -> dict[str, float]:
    found: dict[str, list[tuple[float, int]]] = {}
    for part, size in zip(parts, sizes, strict=True):
        for name, value in part.items():
            found.setdefault(name, []).append((value, size))
    return {name: sum(v * n for v, n in pairs) / sum(n for _, n in pairs) for name, pairs in found.items()}


def _joined(parts: Sequence[Mapping[str, list[Any]]], sizes: Sequence[int]) -> dict[str, list[Any]]:
    """Columns, with None for the pictures of a part that lacks one."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: [value for part, size in zip(parts, sizes, strict=True) for value in part.get(name, [None] * size)]
        for name in names
    }
