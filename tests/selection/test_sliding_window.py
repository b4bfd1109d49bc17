from __future__ import annotations

import itertools
import math

import pytest
import torch

from genrl.errors import ConfigError
from genrl.schedule import shift_grid, unshifted
from genrl.selection import SlidingWindow
from genrl.selection.compressed_tail import compressed_tail


def plan(selector, iteration, steps=25, seed=0, shift=3.0):
    return selector.plan(iteration, shift_grid(steps, shift), 12, torch.Generator().manual_seed(seed))


def starts(selector, iterations, steps=25):
    """First trained step at each iteration, None where the window is empty."""
    return [min(plan(selector, i, steps).steps, default=None) for i in iterations]


def counted(steps, size, tau, stride, roll_back, bound, last):
    """The reference code's state: read the window, then advance the counter."""
    start = n = 0
    while True:
        yield [k for k in range(start, min(start + size, bound))]
        n += 1
        if n >= tau(start):
            n, start = 0, start + stride
            if start > last:
                start = 0 if roll_back else last


@pytest.mark.parametrize("mode", ["fixed", "strict"])
@pytest.mark.parametrize("roll_back", [True, False])
@pytest.mark.parametrize(
    ("steps", "size", "tau", "stride"), [(25, 4, 3, 1), (25, 4, 2, 4), (8, 3, 1, 2), (10, 1, 2, 3), (25, 4, 2, 0)]
)
def test_progressive_window_equals_the_counter(mode, roll_back, steps, size, tau, stride):
    selector = SlidingWindow(size, tau, stride, "progressive", mode, roll_back)
    bound = steps - 1 if mode == "fixed" else steps - 2
    last = bound - size if mode == "fixed" else bound
    machine = counted(steps, size, lambda _: tau, stride, roll_back, bound, last)
    assert [plan(selector, i, steps).steps for i in range(90)] == [next(machine) for _ in range(90)]


@pytest.mark.parametrize(
    ("strategy", "tau"),
    [
        ("decay", lambda start: max(1, int(10 * (1 - start / 23) + start / 23))),
        ("exp-decay", lambda start: math.ceil(25 * math.exp(-0.1 * max(0, start - 13)))),
    ],
)
def test_decaying_windows_equal_the_counter(strategy, tau):
    selector = SlidingWindow(strategy=strategy, mode="strict")
    machine = counted(25, 4, tau, 1, True, 23, 23)
    assert [plan(selector, i).steps for i in range(600)] == [next(machine) for _ in range(600)]


def test_decay_spends_less_and_less_time_on_a_window():
    spent = [10, 9, 9, 8, 8, 8, 7, 7, 7, 6, 6, 5, 5, 5, 4, 4, 4, 3, 3, 2, 2]  # int(10 - 9 start / 24)
    at = starts(SlidingWindow(strategy="decay"), range(sum(spent)))
    assert [at.count(start) for start in range(21)] == spent


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (SlidingWindow(), list(range(12))),  # of 300 iterations: the paper's default visits 0..11 only
        (SlidingWindow(mode="strict"), list(range(12))),
        (SlidingWindow(stride=4), [0, 4, 8, 12, 16, 20, 0, 4, 8, 12, 16, 20]),
        (SlidingWindow(stride=4, mode="strict"), [0, 4, 8, 12, 16, 20, 0, 4, 8, 12, 16, 20]),
        (SlidingWindow(stride=8, roll_back=False), [0, 8, 16, *[20] * 9]),
        (SlidingWindow(stride=8, roll_back=False, mode="strict"), [0, 8, 16, *[None] * 9]),
        (SlidingWindow(stride=0), [0] * 12),
    ],
)
def test_window_starts_every_25_iterations(selector, expected):
    assert starts(selector, range(0, 300, 25)) == expected
    assert starts(selector, range(24, 300, 25)) == expected


def test_strict_windows_shrink_to_nothing_and_never_reach_the_last_but_one_step():
    strict = SlidingWindow(iterations_per_window=1, mode="strict")
    assert [plan(strict, i).steps for i in (19, 20, 22, 23, 24)] == [
        [19, 20, 21, 22], [20, 21, 22], [22], [], [0, 1, 2, 3],
    ]  # fmt: skip
    empty = plan(strict, 23)
    assert empty.trained.shape == (0,)
    assert empty.trained.dtype == torch.int64
    assert not any(empty.stochastic)
    assert max(max(plan(strict, i).steps, default=0) for i in range(48)) == 22


def test_fixed_windows_are_full_and_reach_the_last_but_one_step():
    fixed = SlidingWindow(iterations_per_window=1)
    windows = [plan(fixed, i).steps for i in range(42)]
    assert all(len(window) == 4 for window in windows)
    assert max(map(max, windows)) == 23


@pytest.mark.parametrize(("mode", "largest"), [("fixed", 20), ("strict", 19)])
def test_random_windows_cover_all_starts_and_follow_the_generator(mode, largest):
    selector = SlidingWindow(strategy="random", mode=mode)
    drawn = [plan(selector, 1, seed=seed).steps for seed in range(400)]
    assert {window[0] for window in drawn} == set(range(largest + 1))
    assert all(window == list(range(window[0], window[0] + 4)) for window in drawn)
    assert plan(selector, 5, seed=9).steps == plan(selector, 6, seed=9).steps
    first = {plan(selector, 0, seed=seed).steps[0] for seed in range(50)}
    assert first == {0} if mode == "strict" else len(first) > 10


@pytest.mark.parametrize("selector", [SlidingWindow(), SlidingWindow(mode="strict"), SlidingWindow(tail_ratio=0.4)])
def test_noise_is_exactly_in_the_window(selector):
    for iteration in (0, 110, 480):
        made = plan(selector, iteration)
        assert [t for t, noisy in enumerate(made.stochastic) if noisy] == made.steps
        assert len(made.sigmas) == made.length + 1


def test_flash_counts_calls_as_the_paper_and_ends_at_zero():
    flash = SlidingWindow(iterations_per_window=20, tail_ratio=0.4)
    made = [plan(flash, i) for i in range(0, 300, 20)]
    assert [p.steps[0] for p in made] == list(range(15))
    lengths = [p.length for p in made]
    assert min(lengths) == lengths[0] == 11
    assert max(lengths) == lengths[-1] == 20
    assert sum(lengths) / 15 == pytest.approx(15.6, abs=0.05)
    assert all(p.sigmas[-1] == 0.0 for p in made)
    assert {plan(SlidingWindow(stride=0, tail_ratio=0.2), i).length for i in (0, 40, 299)} == {7}


@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.4, 1.0])
def test_fixed_tails_fall_evenly_in_unshifted_time_to_exactly_zero(ratio):
    grid = shift_grid(25, 3.0)
    for start in range(21):
        tail = compressed_tail(grid, start + 3, ratio, smallest=2)
        assert tail[: start + 5] == grid[: start + 5]
        assert tail[-1] == 0.0
        assert all(a > b for a, b in itertools.pairwise(tail))
        u = torch.tensor([unshifted(sigma, 3.0) for sigma in tail[start + 4 :]], dtype=torch.float64)
        assert torch.allclose(u.diff(), u.diff().mean(), atol=1e-12)


def test_ratio_one_keeps_the_grid():
    grid = shift_grid(25, 3.0)
    assert compressed_tail(grid, 7, 1.0, 2) == pytest.approx(grid, abs=1e-12)


def test_strict_tail_stops_above_zero_and_fixed_does_not():
    at = {"iterations_per_window": 1, "tail_ratio": 0.4}
    strict, fixed = (plan(SlidingWindow(mode=mode, **at), 18) for mode in ("strict", "fixed"))
    assert strict.steps == fixed.steps == [18, 19, 20, 21]
    assert strict.sigmas == shift_grid(25, 3.0)[:23]
    assert fixed.sigmas == (*shift_grid(25, 3.0)[:23], 0.0)
    empty = plan(SlidingWindow(mode="strict", **at), 23)
    assert empty.steps == []
    assert empty.sigmas == shift_grid(25, 3.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plan(SlidingWindow(size=8), 0, steps=8), "raise sampling.steps or lower steps.size"),
        (lambda: plan(SlidingWindow(mode="strict"), 0, steps=2), "raise sampling.steps"),
        (lambda: plan(SlidingWindow(mode="strict", strategy="random"), 0, steps=5), "does not fit"),
        (lambda: SlidingWindow(size=0), "at least 1"),
        (lambda: SlidingWindow(stride=-1), "steps.stride must be 0"),
        (lambda: SlidingWindow(tail_ratio=0.0), "steps.tail_ratio must lie in"),
        (lambda: SlidingWindow(tail_ratio=0.4, mode="strict", strategy="random"), "set steps.mode=fixed"),
    ],
)
def test_impossible_windows_name_the_cure(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_window_as_wide_as_all_trainable_steps_stays():
    assert starts(SlidingWindow(size=7, iterations_per_window=1), range(5), steps=8) == [0] * 5
