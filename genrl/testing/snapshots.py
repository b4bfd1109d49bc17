"""Invariants of snapshot rules: a decay that can be one, a name that is free, no memory."""

from __future__ import annotations

from genrl.protocols import SnapshotRule
from genrl.testing.check import expect

UPDATES = (1, 2, 10, 75, 76, 200, 1_000, 100_000)


def check_decay_lies_between_copying_and_standing_still(rule: SnapshotRule) -> None:
    for n in UPDATES:
        expect(0.0 <= rule.decay(n) <= 1.0, f"After {n} updates the decay is {rule.decay(n)}, outside [0, 1].")
    expect(rule.decay(1) < 1.0 or rule.decay(UPDATES[-1]) < 1.0, "The set never moves; that is the weight set reference.")


def check_decay_is_pure(rule: SnapshotRule) -> None:
    first, again = [rule.decay(n) for n in UPDATES], [rule.decay(n) for n in reversed(UPDATES)][::-1]
    expect(first == again, "The decay after the same number of updates is not the same twice.")


def check_says_which_set_moves_and_when(rule: SnapshotRule) -> None:
    expect(bool(rule.label) and rule.label not in ("current", "reference", "ema"), f"The label {rule.label!r} is taken.")
    expect(rule.every in ("update", "iteration"), f"`every` is {rule.every!r}, neither 'update' nor 'iteration'.")


CHECKS = (check_decay_lies_between_copying_and_standing_still, check_decay_is_pure, check_says_which_set_moves_and_when)
