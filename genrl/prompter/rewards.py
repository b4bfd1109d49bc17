"""Reward functions in TRL's form: what the pictures are worth, whether the request was kept, and the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from genrl.errors import ConfigError, RewardError
from genrl.faithfulness import Faithfulness
from genrl.monitoring.faithfulness import FAITHFULNESS
from genrl.prompter.asking import prompt_of
from genrl.prompter.painting import Painter
from genrl.rewards import RewardPanel, Scores
from genrl.rewards.resolve import function_at
from genrl.settings import RewardSettings
from genrl.types import Prompt

PICTURES = "pictures"


@dataclass(frozen=True)
class PictureReward:
    """The weighted sum of the rewards of the pictures that a completion leads to, their mean over several noises.

    Rewards judge against the request and its columns, never against the completion. Completions of one request are drawn
    from the same noises, which are others in the next step. requests: by `request_index`.
    """

    requests: Sequence[Prompt]
    panel: RewardPanel
    painter: Painter
    noises: int
    __name__ = PICTURES

    def __call__(
        self,
        prompts: list[Any],
        completions: list[Any],
        request_index: list[int],
        trainer_state: Any,
        log_extra: Callable[[str, list[Any]], None],
        log_metric: Callable[[str, float], None],
        **columns: Any,
    ) -> list[float | None]:
        """One number a completion. None for all completions of a request of which a picture has no score, if its reward
        says "drop": half a group would compare unlike with unlike.
        """
        asked = [self.requests[k] for k in request_index]
        texts = [prompt_of(completion) for completion in completions]
        rows = [
            Prompt(text, request.columns, request.index, request.asked)
            for (text, request), _ in product(zip(texts, asked, strict=True), range(self.noises))
        ]
        keys = [(trainer_state.global_step, k, j) for k in request_index for j in range(self.noises)]
        scores = self._scored(rows, keys, trainer_state)
        total = self.panel.total(scores).view(-1, self.noises)
        for name, values in zip(self.panel.names, scores.values, strict=True):
            if not values.isnan().all():
                log_metric(f"{PICTURES}/{name}", float(values.nanmean()))
        for name, value in scores.metrics.items():
            log_metric(name, value)
        log_extra("written", texts)
        return _without_broken_groups(total.nanmean(dim=1), self._broken(scores), request_index)

    def _scored(self, rows: list[Prompt], keys: Sequence[tuple[int, ...]], state: Any) -> Scores:
        parts, order = [], []
        told = {"global_step": state.global_step, "max_steps": state.max_steps}
        for painting in self.painter(rows, keys, self.panel.needs_pixels):
            own = [rows[row] for row in painting.rows]
            groups = [prompt.index for prompt in own]
            parts.append(self.panel.score(own, painting.images, told, latents=painting.latents, groups=groups))
            order += painting.rows
        joined, place = Scores.join(parts), torch.tensor(order).argsort()
        failures = {name: {order[b]: why for b, why in found.items()} for name, found in joined.failures.items()}
        return Scores(joined.values[:, place], failures, joined.metrics)

    def _broken(self, scores: Scores) -> Tensor:
        """Which completions (B,) have lost the score of a picture."""
        failed = scores.failed[self.panel.weights != 0.0].any(dim=0).view(-1, self.noises).any(dim=1)
        if failed.all():
            raise RewardError(f"No completion has all its scores: {scores.complaint()}.")
        return failed


@dataclass(frozen=True)
class FaithfulnessReward:
    """How far each completion still asks for what its request asks for."""

    requests: Sequence[Prompt]
    component: Faithfulness
    __name__ = FAITHFULNESS

    def __call__(self, prompts: list[Any], completions: list[Any], request_index: list[int], **columns: Any) -> list[float]:
        return faithfulness(self.component, [self.requests[k] for k in request_index], [prompt_of(c) for c in completions])


def faithfulness(component: Faithfulness, asked: Sequence[Prompt], written: Sequence[str]) -> list[float]:
    """What the component answers; RewardError if that is not a number in [0, 1] for each row."""
    values = list(component(asked, written))
    if len(values) != len(asked) or not all(isinstance(v, float | int) and 0.0 <= v <= 1.0 for v in values):
        name = type(component).__name__
        raise RewardError(f"The faithfulness {name} answered {values[:3]!r}...; it must return a number in [0, 1] a prompt.")
    return values


def text_rewards(settings: Sequence[RewardSettings]) -> list[Callable[..., Any]]:
    """The user's TRL reward functions, as they are; ConfigError for two of one name, which TRL would log as one."""
    found, names = [], {PICTURES, FAITHFULNESS}
    for one in settings:
        place, colon, attribute = one.name.rpartition(":")
        if not colon:
            raise ConfigError(
                f"{one.name!r} is no reward of texts; give a function as module:function or path/to/file.py:function. "
                "What judges pictures goes to --reward."
            )
        if one.options or one.label:
            raise ConfigError(f"{one.name!r} is handed to TRL as it is, so it takes no options and no label; leave them out.")
        function = function_at(place, attribute)
        name = getattr(function, "__name__", type(function).__name__)
        if name in names:
            raise ConfigError(f"Two rewards are called {name!r}, which TRL would log as one; rename the function in {place}.")
        names.add(name)
        found.append(function)
    return found


def _without_broken_groups(totals: Tensor, broken: Tensor, requests: Sequence[int]) -> list[float | None]:
    lost = {request for request, gone in zip(requests, broken.tolist(), strict=True) if gone}
    return [
        None if request in lost or value != value else value for request, value in zip(requests, totals.tolist(), strict=True)
    ]
