"""A reward that means nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from genrl.registry import register
from genrl.rewards.media import as_bytes


@register("reward", "random")
@dataclass(frozen=True)
class RandomReward:
    """A uniform number in [0, 1) for each picture, derived from its prompt and its pixels and from nothing else.

    The null test of a set-up: it can be learnt by nobody, so a run with it must not rise, neither in itself nor in any
    other reward that is watched. What still moves is drift, or a leak. The same picture always gets the same number.

    seed: another seed is another, equally meaningless reward.
    """

    seed: int = 0
    media: ClassVar[str] = "tensor"

    def __call__(self, prompts: list[str], completions: Tensor, **columns: Any) -> list[float | None]:
        pixels = as_bytes(completions).cpu().numpy()
        return [self._number(prompt, rows.tobytes()) for prompt, rows in zip(prompts, pixels, strict=True)]

    def _number(self, prompt: str, pixels: bytes) -> float:
        key = repr((self.seed, prompt)).encode()
        digest = hashlib.blake2b(key + b"\0" + pixels, digest_size=8).digest()
        return (int.from_bytes(digest, "little") >> 11) / 2**53
