"""How often a picture wins against the others of its group."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from genrl.bounds import NonNegative
from genrl.errors import ConfigError
from genrl.registry import register
from genrl.rewards.answers import numbers
from genrl.rewards.asking import ask_all
from genrl.rewards.evidence import Evidence
from genrl.rewards.failed import Failed
from genrl.rewards.resolve import resolve_reward
from genrl.rewards.term import RewardTerm


@register("reward", "win-rate")
@dataclass(frozen=True)
class WinRate:
    """Share of the other pictures of its group that a picture beats; a tie counts half (Pref-GRPO, arXiv:2508.20751).

    Of a reward, only the order inside a group is left: a lead of a thousandth counts as much as any other, and an outlier
    is worth no more than a first place. In return the noise in the order of nearly equal pictures is blown up to full
    size; give `margin` what is noise. A group's mean is 1/2 whatever its pictures are worth, so progress shows only in
    other rewards, such as the wrapped one with weight 0.

    of: the reward whose scores are compared, as `--reward` takes it but without a weight; or a function that compares
        by itself, `f(prompts, completions, opponents, **columns)`, and answers with the probability that each completion
        beats its opponent. That one is asked about every ordered pair of a group, so that a liking for the first place
        cancels out.
    options: fields of that reward.
    margin: scores that differ by no more are a tie. Up, small differences are ignored; down, every difference decides. A
        function that compares by itself takes none.
    """

    of: str = "colorfulness"
    options: Mapping[str, Any] = field(default_factory=dict)
    margin: NonNegative = 0.0
    group_wise: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if "=" in self.of:
            raise ConfigError(f"win-rate is of {self.of!r}; give the weight to win-rate itself.")
        if self.margin and self._compares:
            raise ConfigError(f"win-rate has margin {self.margin}, but {self.of!r} compares by itself; set margin=0.")

    def __call__(self, prompts: list[str], completions: Any, groups: list[int], **columns: Any) -> list[float | None | Failed]:
        offer = columns | {"prompts": prompts, "completions": completions}
        if self._inner.group_wise:
            offer["groups"] = groups
        number = torch.tensor(groups)
        rivals_BB = (number[:, None] == number).fill_diagonal_(False)
        wins_BB, failures = self._duels(offer, rivals_BB) if self._compares else self._scores(offer)
        rates = wins_BB.masked_fill(~rivals_BB, torch.nan).nanmean(dim=1).tolist()
        answers: list[float | None | Failed] = [None if math.isnan(rate) else rate for rate in rates]
        for row, reason in failures.items():
            answers[row] = Failed(reason)
        return answers

    def check(self) -> None:
        self._inner.check()

    @property
    def media(self) -> str:
        return self._inner.media

    @property
    def device(self) -> Any:
        return self._inner.device

    @property
    def version(self) -> str:
        return f"win-rate of {self.of} {self._inner.version}".strip()

    @cached_property
    def _inner(self) -> RewardTerm:
        return resolve_reward(self.of, options=self.options)

    @property
    def _compares(self) -> bool:
        return "opponents" in self._inner.keywords.named

    def _scores(self, offer: Mapping[str, Any]) -> tuple[Tensor, dict[int, str]]:
        """Wins (B, B) of rows over columns by the scores of a reward, NaN where one has none; and the failed rows."""
        values_B, failures = self._asked(offer)
        lead_BB = values_B[:, None] - values_B
        wins_BB = 0.5 + 0.5 * lead_BB.sign() * (lead_BB.abs() > self.margin)
        return wins_BB.masked_fill(lead_BB.isnan(), torch.nan), failures

    def _duels(self, offer: Mapping[str, Any], rivals_BB: Tensor) -> tuple[Tensor, dict[int, str]]:
        """The same by a function that compares: the mean over both orders. A row has failed if one of its duels has."""
        first, second = (side.tolist() for side in rivals_BB.nonzero(as_tuple=True))
        shown = offer["completions"]
        sides = [shown[rows] if isinstance(shown, Tensor) else [shown[b] for b in rows] for rows in (first, second)]
        columns = {key: [value[b] for b in first] if isinstance(value, list) else value for key, value in offer.items()}
        values_P, failures = self._asked(columns | {"completions": sides[0], "opponents": sides[1]}, (0.0, 1.0))
        wins_BB = torch.full(rivals_BB.shape, torch.nan, dtype=torch.float64)
        wins_BB[rivals_BB] = values_P
        both_BB = torch.stack([wins_BB, 1.0 - wins_BB.T]).nanmean(dim=0)
        return both_BB, {side[p]: reason for p, reason in failures.items() for side in (first, second)}

    def _asked(self, offer: Mapping[str, Any], bounds: tuple[float, float] | None = None) -> tuple[Tensor, dict[int, str]]:
        term = self._inner
        ((answer, _),) = ask_all([(term, term.keywords.select(offer, term.name))])
        return numbers(answer, Evidence(offer["prompts"]), term.name, bounds or term.bounds)
