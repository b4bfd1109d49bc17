"""All rewards of a run, asked together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from genrl.errors import RewardError
from genrl.rewards.answers import numbers
from genrl.rewards.asking import ask_all, broken
from genrl.rewards.evidence import Evidence
from genrl.rewards.media import Media
from genrl.rewards.notes import Notes
from genrl.rewards.scores import Scores
from genrl.rewards.term import OFFERED, Keywords, RewardTerm
from genrl.types import Metrics, Prompt


class RewardPanel:
    """The rewards of a run, in the order of the rows of `Scores.values`; their names are distinct.

    failures: the folder where the picture is saved that an error is about; None saves none.
    """

    def __init__(self, terms: Sequence[RewardTerm], failures: Path | None = None) -> None:
        self.terms, self.failures = tuple(terms), failures
        names = [term.name for term in self.terms]
        if not names:
            raise RewardError("A run needs at least one reward.")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise RewardError(f"The reward {twice[0]!r} is given twice; give it once, or give one of the two a label.")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(term.name for term in self.terms)

    @property
    def weights(self) -> Tensor:
        """(R,) float64."""
        return torch.tensor([term.weight for term in self.terms], dtype=torch.float64)

    @property
    def trained(self) -> frozenset[str]:
        """Names of the rewards that count; the others are only watched."""
        return frozenset(term.name for term in self.terms if term.weight != 0.0)

    @property
    def needs_pixels(self) -> bool:
        """Whether any reward looks at decoded pictures."""
        return any(term.media != "latent" for term in self.terms)

    def total(self, scores: Scores) -> Tensor:
        """The weighted sum (B,) of what applies; NaN where nothing does, and where a reward that counts has failed.

        A reward of weight 0 is only watched: it makes no picture count, and its failures spoil none.
        """
        counts = self.weights != 0.0
        terms = (self.weights[:, None] * scores.values)[counts]
        return terms.nansum(dim=0).masked_fill(terms.isnan().all(dim=0) | scores.failed[counts].any(dim=0), torch.nan)

    def kept(self, scores: Scores, size: int) -> Tensor:
        """Which groups of `size` pictures have lost no score, (N,) bool; RewardError if there is none."""
        failed = scores.failed[self.weights != 0.0].any(dim=0)
        kept = ~failed.view(-1, size).any(dim=1)
        if not kept.any():
            raise RewardError(
                f"No group of this iteration has all its scores, so there is nothing to learn from: {scores.complaint()}."
            )
        return kept

    def check(self) -> None:
        """Before a run: RewardError with the cure if something that a reward needs is missing."""
        for term in self.terms:
            term.check()

    @torch.no_grad()
    def score(
        self,
        prompts: Sequence[Prompt],
        images: Tensor | None,
        state: Mapping[str, Any] | None = None,
        *,
        latents: Tensor | None = None,
        groups: Sequence[int] | None = None,
    ) -> Scores:
        """Ask every reward about images (B, 3, H, W) or videos (B, F, 3, H, W), float in [0, 1], one prompt each.

        `state` reaches the rewards as `trainer_state`, its keys as attributes (`trainer_state.global_step`), as in TRL.
        latents: (B, *L), for rewards that judge them; if all do, `images` may be None. groups: the group of each row,
        for group-wise rewards; the rows of a group are all in one call.

        Raises RewardError, naming the reward, if one raises or answers with anything but B finite numbers, Nones and
        Faileds, and for a Failed if its term says "stop". No answer is ever made up.
        """
        media, notes = Media(images, len(prompts), latents), Notes()
        offer = _columns(prompts) | {
            "trainer_state": None if state is None else SimpleNamespace(**state),
            "log_extra": notes.log_extra,
            "log_metric": notes.log_metric,
        }
        answers = ask_all([(term, _keywords(term, term.keywords, offer, media, groups)) for term in self.terms])
        rows = self._rows(prompts, images, None if state is None else state.get("global_step"))
        read = [
            _numbers(term, term.name, answer, rows, term.bounds) for term, (answer, _) in zip(self.terms, answers, strict=True)
        ]
        return Scores(
            values=torch.stack([values for values, _ in read]),
            failures={term.name: reasons for term, (_, reasons) in zip(self.terms, read, strict=True)},
            metrics=notes.metrics(),
            extras=notes.extras(len(prompts)),
            seconds={term.name: seconds for term, (_, seconds) in zip(self.terms, answers, strict=True)},
        )

    def values(
        self, prompts: Sequence[Prompt], images: Tensor | None, latents: Tensor
    ) -> tuple[dict[str, tuple[float, Tensor]], Metrics]:
        """Weight and answer (B,) of every reward that counts, differentiable in images and latents, and what they logged.

        Pictures as in `score`. RewardError as there, and for an answer that is no tensor (B,) with a gradient.
        """
        terms = [term for term in self.terms if term.weight != 0.0]
        media, notes = Media(images, len(prompts), latents), Notes()
        offer = _columns(prompts) | {"trainer_state": None, "log_extra": notes.log_extra, "log_metric": notes.log_metric}
        answers = ask_all([(term, _keywords(term, term.keywords, offer, media, None)) for term in terms])
        rows = self._rows(prompts, None if images is None else images.detach())
        found = {}
        for term, (answer, _) in zip(terms, answers, strict=True):
            if not isinstance(answer, Tensor) or not answer.requires_grad:
                raise RewardError(
                    f"Reward {term.name!r} declares to be differentiable and answers without a gradient in the pictures; "
                    "return a tensor that is computed from them, or take the declaration back."
                )
            _numbers(term, term.name, answer.detach(), rows, term.bounds)
            found[term.name] = (term.weight, answer)
        return found, {name: torch.tensor(value) for name, value in notes.metrics().items()}

    @torch.no_grad()
    def metrics(
        self,
        prompts: Sequence[Prompt],
        images: Tensor | None,
        *,
        latents: Tensor | None = None,
        groups: Sequence[int] | None = None,
    ) -> dict[str, Tensor]:
        """What the rewards measure but must not be trained on: "reward/metric" -> (B,) float64 on the CPU.

        Comes from the optional method `metrics(prompts, completions, **columns) -> dict[str, list[float | None]]` of a
        reward component; None becomes NaN. Raises RewardError as `score` does.
        """
        media, offer, rows = Media(images, len(prompts), latents), _columns(prompts), self._rows(prompts, images)
        found = {}
        for term in self.terms:
            method = getattr(term.function, "metrics", None)
            if method is None:
                continue
            name = f"{term.name}.metrics"
            keywords = _keywords(term, Keywords.of(method, name), offer, media, groups)
            try:
                measured = dict(method(**keywords))
            except Exception as error:
                raise broken(error, name) from error
            for key, answer in measured.items():
                found[f"{term.name}/{key}"], _ = _numbers(term, f"{term.name}/{key}", answer, rows)
        return found

    def _rows(self, prompts: Sequence[Prompt], images: Tensor | None, step: int | None = None) -> Evidence:
        return Evidence([prompt.asked for prompt in prompts], images, self.failures, step)


def _numbers(
    term: RewardTerm, name: str, answer: Any, rows: Evidence, bounds: tuple[float, float] | None = None
) -> tuple[Tensor, dict[int, str]]:
    """As `answers.numbers`, but a failed row ends the run if the term says so."""
    values, reasons = numbers(answer, rows, name, bounds)
    if reasons and term.on_failure == "stop":
        row, reason = min(reasons.items())
        others = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        raise RewardError(
            f"Reward {name!r} has no score for {rows.of(row, name)}{others}: {reason}. Mend its cause, or set the "
            "reward's on_failure to drop, to go on without the groups of such pictures."
        )
    return values, reasons


def _keywords(
    term: RewardTerm, takes: Keywords, offer: Mapping[str, Any], media: Media, groups: Sequence[int] | None
) -> dict[str, Any]:
    own: dict[str, Any] = {"completions": media.completions(term.media, term.device)}
    if term.group_wise:
        if groups is None:
            raise RewardError(f"Reward {term.name!r} compares the pictures of a group; pass `groups`, one number a picture.")
        own["groups"] = list(groups)
    return takes.select({**offer, **own}, term.name)


def _columns(prompts: Sequence[Prompt]) -> dict[str, list[Any]]:
    """What was asked for and its columns, as lists; None where a prompt lacks a column that another has."""
    names = dict.fromkeys(name for prompt in prompts for name in prompt.columns)
    clash = sorted(names.keys() & set(OFFERED))
    if clash:
        raise RewardError(f"The prompts have a column {clash[0]!r}, a name that rewards are called with; rename the column.")
    columns = {name: [prompt.columns.get(name) for prompt in prompts] for name in names}
    return {"prompts": [prompt.asked for prompt in prompts]} | columns
