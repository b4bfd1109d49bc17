"""What the processes beside the main one report: nothing but warnings."""

from __future__ import annotations

import sys
from typing import Any

from genrl.monitoring import Alarm


class QuietReporter:
    """Stands where the main process has a `genrl.reporting.RunReporter`, and writes no file.

    number: of this process, named in its warnings.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.card: Any = None
        self.watch: Any = None
        self.track: Any = None
        #: Alarms are raised by the main process, which sees the same numbers.
        self.raised: list[Alarm] = []

    def __enter__(self) -> QuietReporter:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def warning(self, text: str) -> None:
        print(f"Warning (process {self.number}): {text}", file=sys.stderr)

    def _nothing(self, *_: Any) -> None:
        pass

    iteration = evaluation = saved = resume = say = show = report = conclude = uploaded = _nothing
