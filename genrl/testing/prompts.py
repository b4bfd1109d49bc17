"""Invariants of a registered prompt table: text in every row, and nothing in both splits."""

from __future__ import annotations

from genrl.data_protocols import PromptTable
from genrl.testing.check import expect


def check_every_row_has_a_prompt(table: PromptTable) -> None:
    for split in ("train", "heldout"):
        rows = table.rows(split)
        expect(len(rows) > 0, f"The split {split!r} is empty.")
        bad = [row for row in rows if not (isinstance(row.get("prompt"), str) and row["prompt"].strip())]
        expect(not bad, f"{len(bad)} rows of {split!r} have no text in the column 'prompt', the first is {bad[:1]}.")


def check_rows_are_always_the_same(table: PromptTable) -> None:
    for split in ("train", "heldout"):
        expect(table.rows(split) == table.rows(split), f"The split {split!r} has other rows when asked again.")


def check_splits_do_not_overlap(table: PromptTable) -> None:
    train, heldout = ({row["prompt"] for row in table.rows(split)} for split in ("train", "heldout"))
    shared = sorted(train & heldout)
    expect(not shared, f"{len(shared)} prompts are in both splits, such as {shared[:1]}.")


CHECKS = (check_every_row_has_a_prompt, check_rows_are_always_the_same, check_splits_do_not_overlap)
