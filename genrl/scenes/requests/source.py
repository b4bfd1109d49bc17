"""The requests as a registered prompt table: loose words, and beside them the scene that they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from genrl.errors import PromptError
from genrl.registry import register
from genrl.scenes.faithfulness import TRUTH, turned
from genrl.scenes.grammar import KINDS, Scene, all_scenes, parse
from genrl.scenes.prompts import held_out_prompts
from genrl.scenes.requests.compose import Request, compose
from genrl.scenes.requests.phrases import pick

KIND_SHARES = (0.25, 0.15, 0.6)  # single, count, relation; the base model draws counts worst, and can say least about them
TRAIN_REQUESTS, HELD_OUT_REQUESTS = 4000, 240
NEW_SCENES = 0.5  # of the held-out requests, the share whose scene no training request asks for
_SEED = 20240301


@register("prompts", "scenes-requests")
@dataclass(frozen=True)
class ScenesRequests:
    """Loose requests for scenes, with the scene itself beside them.

    The column `prompt` is what is asked for in a person's words, `scene` the sentence of the grammar that it stands for,
    which the reward and the faithfulness named "scenes" judge by. No request is in both splits, and half of the held-out
    ones ask for scenes that no training request asks for: those that have a sentence among the held-out prompts.
    """

    def rows(self, split: str) -> list[dict[str, Any]]:
        """Rows with the columns "prompt" and "scene" for split "train" or "heldout"."""
        if split not in ("train", "heldout"):
            raise PromptError(f'The scenes requests have no split {split!r}; take "train" or "heldout".')
        requests = train_requests() if split == "train" else held_out_requests()
        return [{"prompt": request.text, TRUTH: request.truth} for request in requests]


@cache
def held_out_requests() -> tuple[Request, ...]:
    """The requests that nothing is trained on: scenes known and new in turn."""
    rng = np.random.default_rng((_SEED, 1))
    known, new = scene_pools()
    each = round(HELD_OUT_REQUESTS * NEW_SCENES)
    apart = _distinct(stream(new, rng), each, frozenset())
    both = zip(apart, _distinct(stream(known, rng), HELD_OUT_REQUESTS - each, frozenset(r.text for r in apart)), strict=True)
    return tuple(request for pair in both for request in pair)


@cache
def train_requests() -> tuple[Request, ...]:
    """The requests to train on, none of them held out."""
    rng = np.random.default_rng((_SEED, 0))
    return tuple(_distinct(stream(scene_pools()[0], rng), TRAIN_REQUESTS, held_out_texts()))


@cache
def held_out_texts() -> frozenset[str]:
    """The words of the held-out requests."""
    return frozenset(request.text for request in held_out_requests())


@cache
def scene_pools() -> tuple[tuple[tuple[Scene, ...], ...], tuple[tuple[Scene, ...], ...]]:
    """(known, new): for each kind its scenes, "A left of B" and "B right of A" being one, whose sentences are all for
    training, and those with a held-out one."""
    unseen = {turned(parse(prompt)) for prompt in held_out_prompts()}
    scenes = list(dict.fromkeys(map(turned, all_scenes())))
    known = tuple(tuple(s for s in scenes if s.kind == kind and s not in unseen) for kind in range(len(KINDS)))
    new = tuple(tuple(s for s in scenes if s.kind == kind and s in unseen) for kind in range(len(KINDS)))
    return known, new


def stream(pools: Sequence[Sequence[Scene]], rng: np.random.Generator) -> Iterator[Request]:
    """Requests without end for scenes of pools, one pool a kind, each kind in its share."""
    while True:
        yield compose(pick(pools[int(rng.choice(len(KINDS), p=KIND_SHARES))], rng), rng)


def _distinct(requests: Iterator[Request], count: int, forbidden: frozenset[str]) -> list[Request]:
    """The first `count` of different words, none of them forbidden."""
    found: dict[str, Request] = {}
    while len(found) < count:
        request = next(requests)
        if request.text not in forbidden:
            found.setdefault(request.text, request)
    return list(found.values())
