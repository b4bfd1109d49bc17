from __future__ import annotations

import pytest
import torch

from genrl.errors import ConfigError
from genrl.schedule import shift_grid
from genrl.selection import Every, EveryMember, RandomAnchors, RandomSubset


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def plan(selector, steps, size=12, seed=0, iteration=0):
    return selector.plan(iteration, shift_grid(steps, 3.0), size, generator(seed))


@pytest.mark.parametrize(("drop_last", "trained"), [(True, [0, 1, 2]), (False, [0, 1, 2, 3])])
def test_every_trains_all_steps_but_perhaps_the_last(drop_last, trained):
    made = plan(Every(drop_last=drop_last), 4)
    assert made.steps == trained
    assert made.stochastic == (True,) * 4
    assert made.sigmas == shift_grid(4, 3.0)
    assert plan(Every(stochastic=False), 4).stochastic == (False,) * 4


@pytest.mark.parametrize("per_member", [False, True])
@pytest.mark.parametrize(("steps", "count"), [(16, 9), (25, 14), (8, 4)])
def test_subset_counts_as_the_papers_do_and_never_takes_the_last_step(steps, count, per_member):
    for seed in range(20):
        trained = plan(RandomSubset(per_member=per_member), steps, seed=seed).trained
        assert trained.shape == ((12, count) if per_member else (count,))
        assert trained.dtype == torch.int64
        assert (trained.diff(dim=-1) > 0).all()
        assert trained.min() >= 0
        assert trained.max() < steps - 1


def test_subset_draws_every_eligible_step_equally_often():
    trained = plan(RandomSubset(fraction=0.5, per_member=True), 9, size=4000).trained
    share = torch.bincount(trained.flatten(), minlength=9) / 4000
    assert (share[:8] - 0.5).abs().max() < 5 * (0.25 / 4000) ** 0.5
    assert share[8] == 0


def test_members_draw_their_own_steps_only_when_asked():
    made = plan(RandomSubset(per_member=True), 16)
    assert len({tuple(row) for row in made.trained.tolist()}) > 1
    for step in made.steps:
        assert made.members(step, 12).tolist() == [i for i in range(12) if step in made.trained[i]]
    assert plan(RandomSubset(), 16).members(3, 12).tolist() == list(range(12))


def test_noise_covers_all_steps_even_the_dropped_one():
    assert plan(RandomSubset(stochastic=True), 8).stochastic == (True,) * 8
    assert plan(RandomSubset(), 8).stochastic == (False,) * 8


def test_the_last_step_can_be_drawn_when_it_is_not_dropped():
    assert plan(RandomSubset(fraction=1.0, drop_last=False), 5).steps == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("selector", [RandomSubset(), RandomSubset(per_member=True)])
def test_subset_is_a_pure_function_of_the_generator(selector):
    assert torch.equal(plan(selector, 16, seed=3).trained, plan(selector, 16, seed=3).trained)
    assert not torch.equal(plan(selector, 16, seed=3).trained, plan(selector, 16, seed=4).trained)


@pytest.mark.parametrize("count", [1, 4, 12])
def test_random_anchors_are_distinct_and_ascending(count):
    for seed in range(20):
        anchors = RandomAnchors(count)(12, generator(seed))
        assert anchors.shape == (count,)
        assert (anchors.diff() > 0).all()
        assert 0 <= anchors.min() <= anchors.max() < 12


def test_every_member_is_an_anchor():
    assert EveryMember()(5, generator()).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomAnchors(13)(12, generator()), "anchors.count is 13 but a group has 12 members"),
        (lambda: RandomAnchors(0), "anchors.count must be at least 1"),
        (lambda: RandomSubset(fraction=0.0), r"steps.fraction must lie in \(0, 1\]"),
        (lambda: RandomSubset(fraction=1.2), r"steps.fraction must lie in \(0, 1\]"),
        (lambda: plan(RandomSubset(fraction=0.1), 8), "raise steps.fraction or sampling.steps"),
        (lambda: plan(Every(), 1), "raise sampling.steps"),
    ],
)
def test_impossible_selections_name_the_cure(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
