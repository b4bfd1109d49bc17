"""Files of one JSON object a line, flushed at once, so that a killed run loses nothing it has printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class MetricsLog:
    """Appends rows; `truncate` forgets what a resumed run is going to write again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, *rows: Mapping[str, Any]) -> None:
        """Write the rows; a value that JSON does not know is written as its text."""
        with self.path.open("a") as file:
            file.write("".join(json.dumps(row, default=str) + "\n" for row in rows))

    def rows(self) -> list[dict[str, Any]]:
        """Every complete row; a line that a kill cut short is not one."""
        if not self.path.exists():
            return []
        lines = self.path.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines if line]

    def truncate(self, step: int) -> None:
        """Keep the rows up to `step`: a resumed run writes the later ones again."""
        if not self.path.exists():
            return
        draft = self.path.with_suffix(".draft")
        draft.write_text("".join(json.dumps(row) + "\n" for row in self.rows() if row["step"] <= step))
        draft.replace(self.path)
