"""Prompts that come with pictures: the columns are there, and their files too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genrl.data_protocols import PromptSource
from genrl.errors import PromptError
from genrl.pictures import opened
from genrl.prompts.mapped import MapPrompts


def check_pictures(source: PromptSource, columns: Sequence[str]) -> None:
    """PromptError unless the prompts have these columns and the first row's pictures can be read.

    Of a table, every path is looked up too; what the files hold is found out when their turn comes.
    """
    if not columns:
        return
    first = source.draw(0, 1)[0]
    missing = [name for name in columns if name not in first.columns]
    if missing:
        there = ", ".join(map(repr, ("prompt", *first.columns)))
        raise PromptError(
            f"This method learns from pictures in the columns {' and '.join(map(repr, columns))}, and the prompts have {there} "
            f"alone; rename the column that is meant by {missing[0]!r}, or choose a method that samples its pictures."
        )
    for name in columns:
        cell = first.columns[name]
        for part in cell if isinstance(cell, list) else [cell]:
            opened(part)
        if isinstance(source, MapPrompts):
            _check_paths(source, name)


def _check_paths(source: MapPrompts, name: str) -> None:
    import datasets

    if source.rows.features[name] != datasets.Value("string"):
        return
    lost = [(row, path) for row, path in enumerate(source.rows[name][:], start=1) if path is None or not Path(path).is_file()]
    if lost:
        row, path = lost[0]
        raise PromptError(
            f"Row {row} of {source.origin} has {path!r} as {name}, which is no file (paths count from {Path.cwd()}); "
            f"{len(lost)} of {len(source)} rows are like it. Mend or remove them."
        )
