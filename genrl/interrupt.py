"""Ctrl-C and SIGTERM: the first asks a run to save and end, the second ends it."""

from __future__ import annotations

import signal
from typing import Any


class Interrupt:
    """Ctrl-C and SIGTERM ask the run to save at the next iteration boundary; a second one ends it at once."""

    def __init__(self) -> None:
        self.asked = False
        self.before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        return self.asked

    def __enter__(self) -> Interrupt:
        for kind in (signal.SIGINT, signal.SIGTERM):
            self.before[kind] = signal.signal(kind, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for kind, handler in self.before.items():
            signal.signal(kind, handler)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True
        for kind, handler in self.before.items():
            signal.signal(kind, handler)
