"""The table of an iteration that several processes share."""

from __future__ import annotations

from rich.table import Table

from genrl.geometry import Geometry


def geometry_table(geometry: Geometry) -> Table:
    title = f"An iteration on {geometry.processes} processes"
    table = Table("", "each process", "all", title=title, title_justify="left")
    pictures, rows = geometry.prompts * geometry.members, sum(geometry.passes)
    largest = max(geometry.batches)
    rollouts = f"{len(geometry.batches)} of {largest} prompts = {largest * geometry.members} pictures"
    passes = f"{len(geometry.passes)}, of at most {max(geometry.passes, default=0)} rows"
    table.add_row("prompts", str(geometry.prompts), str(geometry.prompts * geometry.processes))
    table.add_row("pictures", str(pictures), str(pictures * geometry.processes))
    table.add_row("rollouts", rollouts, str(len(geometry.batches) * geometry.processes))
    table.add_row("optimizer steps", str(geometry.updates), f"{geometry.updates}, taken together")
    table.add_row("backward passes", passes, str(len(geometry.passes) * geometry.processes))
    table.add_row("trained rows", str(rows), str(rows * geometry.processes))
    return table
