"""Levenshtein's distance between two texts."""

from __future__ import annotations


def edit_distance(wanted: str, text: str, anywhere: bool = False) -> int:
    """Fewest insertions, deletions and replacements of letters that make `text` of `wanted` (Levenshtein 1966).

    anywhere: of the part of `text` that is nearest, wherever it begins and ends (Sellers 1980); at most len(wanted).
    """
    row = [0 if anywhere else end for end in range(len(text) + 1)]
    for letter in wanted:
        above, row = row, [row[0] + 1]
        for end, other in enumerate(text, 1):
            row.append(min(above[end] + 1, row[-1] + 1, above[end - 1] + (letter != other)))
    return min(row) if anywhere else row[-1]
