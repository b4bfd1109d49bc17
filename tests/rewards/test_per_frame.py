"""A reward of pictures, lifted to videos, sees each frame as a picture of the same prompt."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from genrl import rewards
from genrl.errors import ConfigError, RewardError
from genrl.rewards import Colorfulness, JpegSize, PerFrame, RewardPanel, RewardTerm
from genrl.testing import assert_conforms, check_component
from genrl.types import Prompt

PROMPTS = [Prompt("a", {"tag": 1}), Prompt("b", {"tag": 2}), Prompt("c", {"tag": 3})]

MODULE = """
from genrl.rewards import Failed

def by_tag(prompts, completions, tag, trainer_state=None, log_metric=None, log_extra=None):
    assert len(prompts) == len(completions) == len(tag)
    log_metric("step", trainer_state.global_step)
    log_extra("brightness", [round(sum(c.getpixel((0, 0))) / 3) for c in completions])
    return [float(t) for t in tag]

async def dark_fails(prompts, completions, **columns):
    return [Failed("too dark") if c.getpixel((0, 0))[0] == 0 else 1.0 for c in completions]

def dark_is_none(prompts, completions, **columns):
    return [None if c.getpixel((0, 0))[0] == 0 else 1.0 for c in completions]

def same_moment(prompts, completions, groups, **columns):
    return [float(len([g for g in groups if g == own])) for own in groups]

same_moment.group_wise = True
same_moment.bounds = (0.0, 9.0)
"""


@pytest.fixture
def module(tmp_path):
    (tmp_path / "lifted.py").write_text(MODULE)
    return lambda name, **fields: PerFrame(f"{tmp_path / 'lifted.py'}:{name}", **fields)


@pytest.fixture
def videos():
    """(3, 4, 3, 16, 16)"""
    return torch.rand(3, 4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1


def score(reward, videos, **keywords):
    term = RewardTerm("r", reward, on_failure="drop")
    return RewardPanel([term]).score(PROMPTS[: len(videos)], videos, {"global_step": 7}, **keywords)


@pytest.mark.parametrize(("name", "reward"), [("jpeg-size", JpegSize(quality=50)), ("colorfulness", Colorfulness())])
@pytest.mark.parametrize("every", [1, 2, 3])
def test_mean_and_worst_of_the_frames(videos, name, reward, every):
    options = {"quality": 50} if name == "jpeg-size" else {}
    frames = videos[:, ::every]
    alone = RewardPanel([RewardTerm("r", reward)]).score([Prompt("p")] * frames.flatten(0, 1).shape[0], frames.flatten(0, 1))
    alone = alone.values[0].view(3, -1)
    mean, worst = (score(PerFrame(name, options, reduce, every), videos).values[0] for reduce in ("mean", "min"))
    torch.testing.assert_close(mean, alone.mean(dim=1), rtol=1e-12, atol=0)
    torch.testing.assert_close(worst, alone.min(dim=1).values, rtol=1e-12, atol=0)


def test_columns_state_and_logs_reach_the_reward(videos, module):
    scores = score(module("by_tag"), videos)
    assert scores.values[0].tolist() == [1.0, 2.0, 3.0]
    assert scores.metrics == {"step": 7.0}
    expected = [[round(float((frame[:, 0, 0] * 255).round().mean())) for frame in video] for video in videos]
    assert scores.extras == {"brightness": expected}


def test_failures_and_nones_are_those_of_the_video(videos, module):
    videos[1, 2] = 0.0
    scores = score(module("dark_fails", every=2), videos)
    assert scores.values[0].isnan().tolist() == [False, True, False]
    assert scores.failures == {"r": {1: "frame 2: too dark"}}
    none = score(module("dark_is_none", reduce="min"), videos)
    assert [None if math.isnan(value) else value for value in none.values[0].tolist()] == [1.0, None, 1.0]
    assert none.failures == {"r": {}}


def test_group_wise_rewards_compare_the_frames_of_a_moment(videos, module):
    reward = module("same_moment")
    assert RewardTerm("r", reward).group_wise
    assert RewardTerm("r", reward).bounds == (0.0, 9.0)
    assert score(reward, videos, groups=[4, 4, 5]).values[0].tolist() == [2.0, 2.0, 1.0]


def test_conforms():
    @dataclasses.dataclass(frozen=True)
    class OfVideos(PerFrame):
        __doc__ = PerFrame.__doc__
        example_shape = (3, 3, 16, 16)

    assert_conforms(check_component(OfVideos("colorfulness"), "reward"))


def test_is_checked_when_it_is_made(videos):
    with pytest.raises(ConfigError, match="no reward named 'colourfulness'; did you mean 'colorfulness'"):
        PerFrame("colourfulness")
    with pytest.raises(ConfigError, match="no option 'qualty'"):
        PerFrame("jpeg-size", {"qualty": 3})
    with pytest.raises(ConfigError, match="give the weight to per-frame itself"):
        PerFrame("jpeg-size=0.5")
    with pytest.raises(RewardError, match="judges videos, not pictures; use 'colorfulness' by itself"):
        score(PerFrame("colorfulness"), videos[:, 0])
    with pytest.raises(RewardError, match="needs its option checkpoint"):
        PerFrame("hpsv2").check()
    assert PerFrame("pickscore").device is None
    assert PerFrame("pickscore").version == rewards.PickScore().version


def test_twice_in_a_run_by_labels():
    first = rewards.resolve_reward("per-frame", options={"of": "colorfulness"}, label="colour")
    second = rewards.resolve_reward("per-frame", options={"of": "jpeg-size", "options": {"quality": 50}})
    assert RewardPanel([first, second]).names == ("colour", "per-frame")
    assert second.function == PerFrame("jpeg-size", {"quality": 50})
