"""All rewards of a run, asked together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from genrl.errors import RewardError
from genrl.rewards.answers import numbers
from genrl.rewards.asking import ask_all, failed
from genrl.rewards.media import Media
from genrl.rewards.notes import Notes
from genrl.rewards.term import OFFERED, Keywords, RewardTerm
from genrl.types import Prompt


@dataclass(frozen=True)
class Scores:
    """What R rewards said of B pictures.

    values: (R, B) float64 on the CPU, NaN where a reward does not apply.
    metrics: numbers that rewards reported with `log_metric`.
    extras: columns of B values that rewards reported with `log_extra`.
    seconds: how long each reward took; async ones overlap with all others.
    """

    values: Tensor
    metrics: dict[str, float] = field(default_factory=dict)
    extras: dict[str, list[Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class RewardPanel:
    """The rewards of a run, in the order of the rows of `Scores.values`; their names are distinct."""

    def __init__(self, terms: Sequence[RewardTerm]) -> None:
        self.terms = tuple(terms)
        names = [term.name for term in self.terms]
        if not names:
            raise RewardError("A run needs at least one reward.")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise RewardError(f"The reward {twice[0]!r} is given twice; give it once, or rename one of the functions.")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(term.name for term in self.terms)

    @property
    def weights(self) -> Tensor:
        """(R,) float64."""
        return torch.tensor([term.weight for term in self.terms], dtype=torch.float64)

    @torch.no_grad()
    def score(self, prompts: Sequence[Prompt], images: Tensor, state: Mapping[str, Any] | None = None) -> Scores:
        """Ask every reward about images (B, 3, H, W) or videos (B, F, 3, H, W), float in [0, 1], one prompt each.

        `state` reaches the rewards as `trainer_state`, its keys as attributes (`trainer_state.global_step`), as in TRL.

        Raises RewardError, naming the reward, if one fails or answers with anything but B finite numbers or Nones. What
        happens then is the caller's choice; no answer is ever made up.
        """
        media, notes, texts = Media(images, len(prompts)), Notes(), [prompt.text for prompt in prompts]
        offer = _columns(prompts) | {
            "prompts": texts,
            "trainer_state": None if state is None else SimpleNamespace(**state),
            "log_extra": notes.log_extra,
            "log_metric": notes.log_metric,
        }
        calls = [(term, _keywords(term, term.keywords, offer, media)) for term in self.terms]
        answers = ask_all(calls)
        return Scores(
            values=torch.stack(
                [numbers(answer, texts, term.name) for term, (answer, _) in zip(self.terms, answers, strict=True)]
            ),
            metrics=notes.metrics(),
            extras=notes.extras(len(texts)),
            seconds={term.name: seconds for term, (_, seconds) in zip(self.terms, answers, strict=True)},
        )

    @torch.no_grad()
    def metrics(self, prompts: Sequence[Prompt], images: Tensor) -> dict[str, Tensor]:
        """What the rewards measure but must not be trained on: "reward/metric" -> (B,) float64 on the CPU.

        Comes from the optional method `metrics(prompts, completions, **columns) -> dict[str, list[float | None]]` of a
        reward component; None becomes NaN. Raises RewardError as `score` does.
        """
        media, texts = Media(images, len(prompts)), [prompt.text for prompt in prompts]
        offer = _columns(prompts) | {"prompts": texts}
        found = {}
        for term in self.terms:
            method = getattr(term.function, "metrics", None)
            if method is None:
                continue
            name = f"{term.name}.metrics"
            keywords = _keywords(term, Keywords.of(method, name), offer, media)
            try:
                measured = dict(method(**keywords))
            except Exception as error:
                raise failed(error, name) from error
            for key, answer in measured.items():
                found[f"{term.name}/{key}"] = numbers(answer, texts, f"{term.name}/{key}")
        return found


def _keywords(term: RewardTerm, takes: Keywords, offer: Mapping[str, Any], media: Media) -> dict[str, Any]:
    completions = media.completions(term.media, term.device)
    return takes.select({**offer, "completions": completions}, term.name)


def _columns(prompts: Sequence[Prompt]) -> dict[str, list[Any]]:
    """The columns of the prompts as lists; None where a prompt lacks one that another has."""
    names = dict.fromkeys(name for prompt in prompts for name in prompt.columns)
    clash = sorted(names.keys() & set(OFFERED))
    if clash:
        raise RewardError(f"The prompts have a column {clash[0]!r}, a name that rewards are called with; rename the column.")
    return {name: [prompt.columns.get(name) for prompt in prompts] for name in names}
