"""Where samples are asked: distributions in closed form, what is drawn without replacement, who shares."""

from __future__ import annotations

import pytest
import torch

from genrl.errors import ConfigError
from genrl.noising import Discrete, LogitNormal, PerGroup, PerSample, Stratified, Uniform
from genrl.randomness import Randomness
from genrl.schedule import shift_grid
from genrl.types import ForwardPoint

GRID = shift_grid(10, 3.0)


def drawn(times, seed: int = 0, grid=GRID) -> torch.Tensor:
    return times(grid, torch.Generator().manual_seed(seed))


def test_uniform_and_stratified_levels_are_uniform_on_the_noisy_end() -> None:
    for times in (Uniform(count=20_000, share=0.6), Stratified(count=20_000, share=0.6)):
        levels = drawn(times)
        assert float(levels.min()) >= 0.4 and float(levels.max()) <= 1.0
        assert float(levels.mean()) == pytest.approx(0.7, abs=0.005)
        assert float(levels.std()) == pytest.approx(0.6 / 12**0.5, abs=0.005)


def test_strata_hold_one_level_each() -> None:
    slices = (drawn(Stratified(count=5)).sort().values * 5).ceil() - 1
    assert slices.tolist() == [0, 1, 2, 3, 4]


def test_logit_normal_levels_have_its_quantiles() -> None:
    """Half lie below sigmoid(mean), 84 % below sigmoid(mean + std); a shift moves them as it moves a grid."""
    levels = drawn(LogitNormal(count=20_000, mean=0.5, std=0.8))
    for quantile, logit in ((0.5, 0.5), (0.8413, 1.3)):
        assert float(levels.quantile(quantile)) == pytest.approx(float(torch.tensor(logit).sigmoid()), abs=0.003)
    shifted = drawn(LogitNormal(count=20_000, shift=3.0))
    assert float(shifted.median()) == pytest.approx(0.75, abs=0.003)
    assert float(drawn(LogitNormal(count=20_000, share=0.5)).median()) == pytest.approx(0.75, abs=0.003)


def test_discrete_levels_are_those_of_the_grid_without_repetition() -> None:
    levels = drawn(Discrete(count=9)).tolist()
    assert len(set(levels)) == 9
    assert set(levels) < set(GRID[:-1])
    assert sorted(drawn(Discrete()).tolist(), reverse=True) == list(GRID[:-1])
    assert {level for seed in range(20) for level in drawn(Discrete(count=9), seed).tolist()} == set(GRID[:-1])


def test_more_levels_than_the_grid_has_come_again() -> None:
    levels = drawn(Discrete(count=20)).tolist()
    assert sorted(levels) == sorted([*GRID[:-1]] * 2)


def test_share_and_initial_leave_levels_out() -> None:
    assert min(drawn(Discrete(share=0.6)).tolist()) >= 0.4
    assert 1.0 not in drawn(Discrete(initial=False)).tolist()
    with pytest.raises(ConfigError, match="times.share"):
        drawn(Discrete(share=0.01, initial=False))


def test_who_shares() -> None:
    sample, group, constant = PerSample(), PerGroup(), PerGroup(levels="iteration", constant=True)
    assert sample.times(3, 1) != sample.times(3, 2) and sample.noise(3, 1, 0) != sample.noise(3, 1, 1)
    assert group.times(3, 1) == group.times(3, 2) != group.times(4, 1)
    assert group.noise(3, 1, 0) == group.noise(3, 2, 0) != group.noise(3, 1, 1)
    assert constant.times(3, 1) == constant.times(4, 2) and constant.noise(3, 1, 0) == constant.noise(3, 2, 1)


def test_noise_is_that_of_its_key() -> None:
    one, other = Randomness((0, "a")), Randomness((0, "b"))
    point = ForwardPoint(torch.tensor([0.5, 0.5, 0.9], dtype=torch.float64), (one, other, one))
    noise = point.noise((2, 3))
    assert noise.shape == (3, 2, 3)
    assert torch.equal(noise[0], noise[2]) and not torch.equal(noise[0], noise[1])
    assert torch.equal(point.rows([2, 1]).noise((2, 3)), noise[[2, 1]])
    assert point.rows([2, 1]).sigma.tolist() == [0.9, 0.5]
