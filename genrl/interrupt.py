"""Ctrl-C and SIGTERM: a run is asked to save and end; a second Ctrl-C ends it at once."""

from __future__ import annotations

import os
import signal
from typing import Any

from genrl import launched

ASKED = b"\nSaving at the end of this iteration. Ctrl-C again ends at once and loses what came after the last checkpoint.\n"


class Interrupt:
    """Inside its block, Ctrl-C and SIGTERM ask the run to save at the next iteration boundary; a second Ctrl-C raises.

    A second SIGTERM asks for what is asked already: launchers and cluster schedulers often send it twice.
    """

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
        if not self.asked and launched.local_rank() == 0:
            os.write(2, ASKED)  # the console may be in the middle of a line of its own
        self.asked = True
        signal.signal(signal.SIGINT, self.before[signal.SIGINT])
