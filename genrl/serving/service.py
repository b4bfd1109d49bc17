"""A reward as a service: a request's bytes in, its answer out, without HTTP."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor

from genrl.errors import RewardError
from genrl.rewards import RewardPanel, RewardTerm, resolve_reward
from genrl.rewards.remote.wire import Failure, Health, ScoreAnswer, ScoreRequest
from genrl.rewards.term import OFFERED
from genrl.rewards.transport import Unusable
from genrl.rewards.transport.faults import parsed
from genrl.serving.decoding import pixels_of
from genrl.serving.limits import Limits, Refused
from genrl.types import Prompt


@dataclass(frozen=True)
class RewardService:
    """One reward and the bounds of its requests. Sync and stateless: calls may come from any thread."""

    term: RewardTerm
    limits: Limits
    health: Health

    @staticmethod
    def of(name: str, options: Mapping[str, Any] | None = None, limits: Limits | None = None) -> RewardService:
        """The reward as `--reward` names it, checked; RewardError for one that cannot be served."""
        limits = limits or Limits()
        term = resolve_reward(name, options=options, on_failure="drop")
        if term.group_wise:
            raise RewardError(
                f"Reward {term.name!r} compares the pictures of a group, which requests may split; run it locally."
            )
        if term.media not in ("pil", "tensor"):
            raise RewardError(f"Reward {term.name!r} judges latents, which are not sent; run it locally.")
        term.check()
        health = Health(
            name=term.name,
            version=term.version,
            media=cast(Any, term.media),
            bounds=term.bounds,
            columns=sorted(term.keywords.required - set(OFFERED)),
            max_batch=limits.max_batch,
        )
        return RewardService(term, limits, health)

    def read(self, body: bytes) -> tuple[list[Prompt], Tensor]:
        """Prompts and their pictures, as `RewardPanel.score` takes them; Refused for a request that is no such thing."""
        try:
            request = parsed(ScoreRequest, body)
        except Unusable as error:
            raise Refused(422, f"The body does not fit the schema: {error}.") from None
        if len(request.samples) > self.limits.max_batch:
            raise Refused(
                413, f"The request holds {len(request.samples)} samples; send at most {self.limits.max_batch} at once."
            )
        for sample in request.samples:
            for name in self.health.columns:
                if name not in sample.columns:
                    raise Refused(422, f"The reward {self.term.name!r} needs the column {name!r}, which a sample lacks.")
            for name in OFFERED:
                if name in sample.columns:
                    raise Refused(422, f"A column is named {name!r}, a name that rewards are called with; rename it.")
        prompts = [Prompt(sample.prompt, sample.columns) for sample in request.samples]
        return prompts, pixels_of(request, self.limits.max_pixels)

    def score(self, prompts: list[Prompt], pixels: Tensor) -> ScoreAnswer:
        """One entry a sample; Refused, with the reward's own sentence, if it breaks."""
        try:
            scores = RewardPanel([self.term]).score(prompts, pixels)
        except RewardError as error:
            raise Refused(500, str(error)) from error
        failures = scores.failures[self.term.name]
        return ScoreAnswer(
            scores=[
                Failure(failed=failures[row]) if row in failures else None if math.isnan(value) else value
                for row, value in enumerate(scores.values[0].tolist())
            ]
        )
