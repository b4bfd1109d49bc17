"""Any reward of pictures as a reward of videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

from torch import Tensor

from genrl.bounds import Count
from genrl.errors import ConfigError, RewardError
from genrl.registry import register
from genrl.rewards.failed import Failed
from genrl.rewards.panel import RewardPanel
from genrl.rewards.resolve import resolve_reward
from genrl.rewards.scores import Scores
from genrl.rewards.term import RewardTerm
from genrl.types import Prompt


@register("reward", "per-frame")
@dataclass(frozen=True)
class PerFrame:
    """A video is worth the mean, or the worst, of its frames, each judged as a picture of the same prompt.

    It sees no motion: frames may be strangers to each other, or all the same picture, and a run is free to make them so.
    Weigh `temporal-smoothness` or a reward of whole videos beside it. A frame that fails fails its video; a video one of
    whose frames the reward does not apply to gets None. A group-wise reward compares the frames of one moment.

    of: the reward of pictures, as `--reward` takes it but without a weight.
    options: that reward's own fields.
    reduce: "mean" rewards the whole; "min" the worst frame, which leaves no bad frame unpunished and is noisier.
    every: judge every so many frames, from the first on; higher is faster, and blind in between.
    """

    of: str
    options: Mapping[str, Any] = field(default_factory=dict)
    reduce: Literal["mean", "min"] = "mean"
    every: Count = 1

    media: ClassVar[str] = "tensor"

    def __post_init__(self) -> None:
        if "=" in self.of:
            raise ConfigError(f"per-frame is of {self.of!r}; give the weight to per-frame itself.")
        if self._term.media == "latent":
            raise ConfigError(f"per-frame cuts videos into pictures, and {self.of!r} judges latents; use it by itself.")

    def __call__(
        self,
        prompts: list[str],
        completions: Tensor,
        groups: Sequence[int] | None = None,
        trainer_state: Any = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: list[Any],
    ) -> list[float | None | Failed]:
        if completions.ndim != 5:
            raise RewardError(f"per-frame judges videos, not pictures; use {self.of!r} by itself.")
        frames = completions[:, :: self.every]
        count = frames.shape[1]
        rows = [Prompt(text, {name: values[b] for name, values in columns.items()}) for b, text in enumerate(prompts)]
        scores = RewardPanel([self._term]).score(
            [row for row in rows for _ in range(count)],
            frames.flatten(0, 1),
            None if trainer_state is None else vars(trainer_state),
            groups=None if groups is None else [group * count + f for group in groups for f in range(count)],
        )
        if log_metric is not None:
            for name, value in scores.metrics.items():
                log_metric(name, value)
        if log_extra is not None:
            for name, values in scores.extras.items():
                log_extra(name, [values[b * count : (b + 1) * count] for b in range(len(rows))])
        return self._reduced(scores, count)

    def check(self) -> None:
        """RewardError with the cure if something that the reward needs is missing."""
        self._term.check()

    @property
    def group_wise(self) -> bool:
        return self._term.group_wise

    @property
    def bounds(self) -> tuple[float, float] | None:
        return self._term.bounds

    @property
    def device(self) -> Any:
        return self._term.device

    @property
    def version(self) -> str:
        return self._term.version

    @cached_property
    def _term(self) -> RewardTerm:
        return resolve_reward(self.of, options=self.options, on_failure="drop")

    def _reduced(self, scores: Scores, count: int) -> list[float | None | Failed]:
        """One answer a video. The sum or minimum of a video with a None, which is NaN, is NaN."""
        frames = scores.values[0].view(-1, count)
        values = (frames.mean(dim=1) if self.reduce == "mean" else frames.min(dim=1).values).tolist()
        answers: list[float | None | Failed] = [None if value != value else value for value in values]
        for row, reason in scores.failures[self._term.name].items():
            answers[row // count] = Failed(f"frame {row % count * self.every}: {reason}")
        return answers
