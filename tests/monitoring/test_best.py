"""Which evaluation is the best, and when waiting ends."""

from __future__ import annotations

import numpy as np
import pytest

from genrl.errors import ConfigError
from genrl.monitoring import Best


def after(*means: float, by: str = "reward") -> Best:
    best = Best()
    for k, mean in enumerate(means):
        best = best.after(10 * k, {"reward": np.array([mean - 1, np.nan, mean + 1]), "loss": np.zeros(3)}, by)
    return best


def test_the_highest_mean_is_the_best_and_the_first_of_equals() -> None:
    assert after(0.2, 0.5, 0.4, 0.5) == Best(10, 0.5, 2)
    assert after(-0.5) == Best(0, -0.5, 0)
    assert after(0.25, np.nan, 0.1) == Best(0, 0.25, 2)
    assert after(np.nan, -3.0) == Best(10, -3.0, 0)


def test_patience_counts_evaluations_without_a_better_one() -> None:
    assert [after(0.2, 0.5, *[0.1] * k).outwaited(2) for k in range(4)] == [False, False, True, True]
    assert not after(0.2, *[0.1] * 9).outwaited(0)


def test_a_name_that_was_not_measured_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'reward'"):
        after(0.1, by="rewrd")
    assert after(0.1, 0.2, by="") == Best()
