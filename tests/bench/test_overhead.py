"""Ratios of fake timings: what is left out, what is reported, and what is refused."""

from __future__ import annotations

from collections import Counter

import pytest

from genrl.bench.overhead import FEWEST, Overhead, Pair, judged
from genrl.bench.quartiles import Quartiles
from genrl.errors import MeasurementError


def test_quartiles_are_those_of_the_values_themselves() -> None:
    assert Quartiles.of([4.0, 1.0, 2.0, 3.0, 5.0]) == Quartiles(2.0, 3.0, 4.0)
    assert Quartiles(2.0, 3.0, 4.0).range == pytest.approx(2 / 3)


def test_the_ratio_is_the_median_of_the_pairs_own_ratios() -> None:
    """The machine slows down by a half from the first pair to the last; no pair does."""
    pairs = [Pair(1.05 * slow, slow) for slow in (1.0, 1.1, 1.2, 1.2, 1.3, 1.4)]
    found = judged(pairs, [Counter(learn=0.5)] * 6)
    assert found.ratio == Quartiles(pytest.approx(1.05), pytest.approx(1.05), pytest.approx(1.05))
    assert (found.bare, found.whole, found.discarded) == (pytest.approx(1.2), pytest.approx(1.26), 0)
    assert found.parts == {"learn": 0.5}


def test_pairs_that_met_another_program_are_left_out() -> None:
    quiet = [Pair(1.1, 1.0 + 0.01 * n) for n in range(FEWEST)]
    assert judged([*quiet, Pair(3.0, 1.5), Pair(1.0, 0.7)]) == Overhead(judged(quiet).ratio, tuple(quiet), 2, {})


def test_too_few_quiet_pairs_are_refused() -> None:
    pairs = [Pair(1.1, 1.0)] * (FEWEST - 1) + [Pair(1.1, 1.5)]
    with pytest.raises(MeasurementError, match="Too noisy: in 1 of 6 pairs"):
        judged(pairs)


def test_ratios_that_disagree_are_refused() -> None:
    def spread(low: float, high: float) -> list[Pair]:
        return [Pair(low, 1.0)] * 4 + [Pair(high, 1.0)] * 4

    assert judged(spread(1.0, 1.16)).ratio.range < 0.15
    with pytest.raises(MeasurementError, match=r"1\.000 and 1\.200, lie 18% apart"):
        judged(spread(1.0, 1.2))
