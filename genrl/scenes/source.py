"""The scenes prompts as a registered prompt table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from genrl.errors import PromptError
from genrl.registry import register
from genrl.scenes.grammar import RELATION, parse
from genrl.scenes.prompts import KIND_SHARES, held_out_prompts, train_prompts

HELD_OUT_RELATIONS = 13


@register("prompts", "scenes")
@dataclass(frozen=True)
class ScenesPrompts:
    """Train and held-out prompts of the scenes world, the split that the embedded model was trained with as well.

    Nineteen of twenty sentences are relations. So that single objects and counts are not lost among them, training
    rows repeat them (one epoch has each kind in its share of the base training), and only the first
    ``HELD_OUT_RELATIONS`` relations are evaluated, beside every held-out single and count.
    """

    def rows(self, split: str) -> list[dict[str, Any]]:
        """Rows with the column "prompt" for split "train" or "heldout"."""
        if split not in ("train", "heldout"):
            raise PromptError(f'The scenes prompts have no split {split!r}; take "train" or "heldout".')
        prompts = _repeated(train_prompts()) if split == "train" else _thinned(held_out_prompts())
        return [{"prompt": prompt} for prompt in prompts]


def _repeated(prompts: list[str]) -> list[str]:
    kinds = [parse(prompt).kind for prompt in prompts]
    sizes = Counter(kinds)
    total = sizes[RELATION] / KIND_SHARES[RELATION]
    times = {kind: round(KIND_SHARES[kind] * total / size) for kind, size in sizes.items()}
    return [prompt for prompt, kind in zip(prompts, kinds, strict=True) for _ in range(times[kind])]


def _thinned(prompts: list[str]) -> list[str]:
    relations = [prompt for prompt in prompts if parse(prompt).kind == RELATION]
    return [prompt for prompt in prompts if parse(prompt).kind != RELATION] + relations[:HELD_OUT_RELATIONS]
