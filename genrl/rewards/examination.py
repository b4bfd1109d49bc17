"""Whether a reward works here: it has what it needs, it knows good from bad, and how long a picture takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from genrl.errors import RewardError
from genrl.rewards.panel import RewardPanel
from genrl.rewards.term import RewardTerm
from genrl.types import Prompt

#: What a reward is asked about that declares no prompts, and the size of its pictures and latents.
PROMPT = "a red apple on a wooden table"
PICTURE, LATENT = (3, 256, 256), (4, 32, 32)
#: Pictures in one call, two to a group, and calls that are timed.
COUNT, CALLS = 8, 3


class Row(NamedTuple):
    """What one check found: passed is None where it says nothing about this reward."""

    check: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class Specimen:
    """The pictures (or latents) that a reward is asked about, under one prompt; the first two are good and bad if `known`."""

    prompt: Prompt
    completions: Tensor
    known: bool

    def score(self, term: RewardTerm, rows: Sequence[int]) -> Tensor:
        """(B,) float64 of these rows, NaN for None; RewardError for whatever a run would stop at."""
        asked, latent = self.completions[list(rows)], term.media == "latent"
        scores = RewardPanel([term]).score(
            [self.prompt] * len(asked),
            None if latent else asked,
            latents=asked if latent else None,
            groups=[row // 2 for row in rows],
        )
        return scores.values[0]


def examine_reward(term: RewardTerm) -> Iterator[Row]:
    """The checks one after the other, as they are done; they end with the first that makes the next ones meaningless."""
    try:
        term.check()
    except RewardError as error:
        yield Row("has what it needs", False, str(error))
        return
    yield Row("has what it needs", True, term.version or "it declares no version")
    specimen, began = specimen_of(term), perf_counter()
    try:
        values = specimen.score(term, range(COUNT))
    except RewardError as error:
        yield Row("answers", False, str(error))
        return
    yield Row("answers", True, f"{COUNT} pictures, {perf_counter() - began:.1f} s for the first call, loading included")
    yield _good_and_bad(term, specimen, values)
    yield _range(term, values)
    yield _invariance(term, specimen, values)
    yield _time(term, specimen)


def specimen_of(term: RewardTerm) -> Specimen:
    """The reward's own known answers, grey, noise and colour fields; without known answers, more noise."""
    known = getattr(term.function, "known_answers", None)
    rng = torch.Generator().manual_seed(0)
    if known is not None:
        columns, good, bad = known()
        prompt = Prompt(columns["prompt"], {name: value for name, value in columns.items() if name != "prompt"})
        first = [good, bad]
    else:
        given = getattr(term.function, "example_prompts", (PROMPT,))[0]
        prompt, first = given if isinstance(given, Prompt) else Prompt(given), []
    shape = first[0].shape if first else getattr(term.function, "example_shape", LATENT if term.media == "latent" else PICTURE)
    if term.media == "latent":
        others = [torch.randn(shape, generator=rng) for _ in range(COUNT - len(first))]
    else:
        others = [_picture(n, tuple(shape), rng) for n in range(COUNT - len(first))]
    return Specimen(prompt, torch.stack([*first, *others]), known is not None)


def _picture(number: int, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Grey, then noise that is finer for each number."""
    if number == 0:
        return torch.full(shape, 0.5)
    cells = torch.rand(1, 3, 2**number, 2**number, generator=rng)
    return F.interpolate(cells, size=shape[-2:], mode="nearest")[0].expand(shape).contiguous()


def _good_and_bad(term: RewardTerm, specimen: Specimen, values: Tensor) -> Row:
    check = "knows good from bad"
    if not specimen.known:
        return Row(check, None, "it declares no known answers; look at what it says of pictures that you know")
    good, bad = values[:2].tolist()
    return Row(check, good > bad, f"{good:.4g} for the good picture and {bad:.4g} for the bad one of {specimen.prompt.text!r}")


def _range(term: RewardTerm, values: Tensor) -> Row:
    seen = values[~values.isnan()]
    declared = f"; it declares {term.bounds[0]:g} to {term.bounds[1]:g}" if term.bounds else ""
    if not len(seen):
        return Row("tells pictures apart", False, f"it applies to none of {len(values)} pictures")
    apart = bool(seen.max() > seen.min())
    return Row("tells pictures apart", apart, f"{seen.min():.4g} to {seen.max():.4g} over {len(seen)} pictures{declared}")


def _invariance(term: RewardTerm, specimen: Specimen, values: Tensor) -> Row:
    parts = [range(n, n + 2) for n in range(0, COUNT, 2)] if term.group_wise else [range(n, n + 1) for n in range(COUNT)]
    alone = torch.cat([specimen.score(term, rows) for rows in parts])
    difference = (alone - values).abs().nan_to_num(nan=0.0)
    # Networks round differently at another batch size.
    same = bool((difference <= 1e-4 + 1e-3 * values.abs().nan_to_num(nan=0.0)).all())
    unit = "group" if term.group_wise else "picture"
    agree = same and torch.equal(alone.isnan(), values.isnan())
    return Row("does not depend on the batch", agree, f"a {unit} by itself differs by at most {difference.max():.2g}")


def _time(term: RewardTerm, specimen: Specimen) -> Row:
    seconds = []
    for _ in range(CALLS):
        began = perf_counter()
        specimen.score(term, range(COUNT))
        seconds.append(perf_counter() - began)
    size = "x".join(map(str, specimen.completions.shape[1:]))
    return Row("time", True, f"{1000 * median(seconds) / COUNT:.1f} ms a picture of {size}, {COUNT} at once")
