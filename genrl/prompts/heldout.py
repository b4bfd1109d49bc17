"""Prompts that are never trained on: kept apart, each text once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from genrl.data_protocols import PromptSource
from genrl.errors import PromptError
from genrl.prompts.mapped import MapPrompts
from genrl.randomness import Randomness
from genrl.types import Prompt


def identity(text: str) -> str:
    """Texts with the same identity are the same prompt: case and white space do not count."""
    return " ".join(text.casefold().split())


def distinct(prompts: MapPrompts) -> MapPrompts:
    """The first row of each text."""
    return replace(prompts, rows=prompts.rows.select(list(_first_rows(prompts).values())))


def check_disjoint(train: PromptSource, heldout: MapPrompts) -> PromptSource:
    """The training prompts, known to share no text with `heldout`; PromptError naming up to three that are shared.

    A table is checked here and returned as it is; anything else is returned with a check of each draw.
    """
    forbidden = frozenset(_first_rows(heldout))
    if not isinstance(train, MapPrompts):
        return CheckedPrompts(train, forbidden)
    _refuse([text for text in train.texts() if identity(text) in forbidden])
    return train


@dataclass(frozen=True)
class CheckedPrompts:
    """A stream whose draws are checked against the held-out texts, since a stream cannot be looked through beforehand.

    forbidden: identities of the held-out texts.
    """

    source: PromptSource
    forbidden: frozenset[str]

    def draw(self, start: int, count: int) -> list[Prompt]:
        """What the source draws; PromptError if a held-out text is among it."""
        drawn = self.source.draw(start, count)
        _refuse([prompt.text for prompt in drawn if identity(prompt.text) in self.forbidden])
        return drawn


def split_heldout(
    source: MapPrompts, *, fraction: float | None = None, count: int | None = None, seed: int = 0
) -> tuple[MapPrompts, MapPrompts]:
    """(train, held-out) of one table: `count` texts, or that `fraction` of them, chosen by `seed`.

    Texts are divided, not rows: the held-out part has each of its texts once, the training part keeps every row of the
    others, repeats included. The held-out order is the order of the choice, the same in every epoch.
    """
    first = _first_rows(source)
    if (fraction is None) == (count is None):
        raise PromptError("Say how many prompts to hold out, either as a fraction or as a count.")
    held = round(fraction * len(first)) if count is None else count  # type: ignore[operator]
    if not 0 < held < len(first):
        raise PromptError(
            f"{source.origin} has {len(first)} distinct prompts, so {held} cannot be held out; "
            "set prompts.heldout_count so that at least one is held out and one left to train on, or give prompts.heldout."
        )
    order = torch.randperm(len(first), generator=Randomness((seed,)).generator("heldout"))
    names = list(first)
    chosen = [names[i] for i in order[:held].tolist()]
    apart = set(chosen)
    rest = [row for row, text in enumerate(source.texts()) if identity(text) not in apart]
    return (
        replace(source, rows=source.rows.select(rest)),
        replace(source, rows=source.rows.select([first[name] for name in chosen]), shuffle=False),
    )


def _first_rows(prompts: MapPrompts) -> dict[str, int]:
    first: dict[str, int] = {}
    for row, text in enumerate(prompts.texts()):
        first.setdefault(identity(text), row)
    return first


def _refuse(shared: list[str]) -> None:
    names = list(dict.fromkeys(shared))
    if names:
        raise PromptError(
            f"{len(names)} held-out prompt{'s are' if len(names) > 1 else ' is'} among the training prompts: "
            f"{', '.join(map(repr, names[:3]))}{', ...' if len(names) > 3 else ''}. "
            "Take them out of one of the two, or held-out scores would measure memory."
        )
