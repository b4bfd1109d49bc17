"""Keyed randomness: every draw is a pure function of (seed, iteration, prompt, purpose), never of what was drawn before.

Resuming a run therefore needs no generator state, and two processes agree wherever they hold the same key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Randomness:
    """A key from which generators are derived; `fold` extends it, `generator` spends it."""

    key: tuple[int | str, ...]

    def fold(self, *parts: int | str) -> Randomness:
        """The randomness of a narrower purpose."""
        return Randomness(self.key + parts)

    def generator(self, *parts: int | str) -> torch.Generator:
        """A CPU generator for this key. Noise is drawn on the CPU so that it does not depend on the device."""
        digest = hashlib.blake2b(repr(self.key + parts).encode(), digest_size=8).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
