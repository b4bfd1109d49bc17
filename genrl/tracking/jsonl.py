"""Files of one JSON object a line, flushed at once, so that a killed run loses nothing it has printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from genrl import files
from genrl.errors import RunFolderError


class MetricsLog:
    """Appends rows; `keep` forgets what a resumed run is going to write again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, *rows: Mapping[str, Any]) -> None:
        """Write the rows; a value that JSON does not know is written as its text. RunFolderError if the disk is full."""
        try:
            with self.path.open("a") as file:
                file.write("".join(json.dumps(row, default=str) + "\n" for row in rows))
        except OSError as error:
            raise RunFolderError(
                f"{self.path} could not be written ({error.strerror}), so the run ends here. Free space and go on from the "
                f"last checkpoint: genrl train --resume {self.path.parent}"
            ) from error

    def rows(self) -> list[dict[str, Any]]:
        """Every complete row; a line that a kill or a full disk cut short is not one. RunFolderError for any other damage."""
        if not self.path.exists():
            return []
        lines = self.path.read_text().split("\n")[:-1]
        return [self._row(number, line) for number, line in enumerate(lines, 1) if line]

    def _row(self, number: int, line: str) -> dict[str, Any]:
        try:
            return json.loads(line)
        except ValueError as error:
            raise RunFolderError(f"Line {number} of {self.path} is damaged ({error}); delete it to read the rest.") from error

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Leave out the rows that are not wanted, and what was cut short."""
        if self.path.exists():
            files.write_text(self.path, "".join(json.dumps(row) + "\n" for row in self.rows() if wanted(row)))
