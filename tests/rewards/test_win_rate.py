"""The win rate inside a group, by the scores of any reward or by a function that compares."""

import math

import numpy as np
import pytest
import torch

from genrl.errors import ConfigError, RewardError
from genrl.rewards import RewardPanel, RewardTerm, WinRate
from genrl.types import Prompt

FILE = """
from genrl.rewards import Failed

def brightness(prompts, completions, **columns):
    assert "groups" not in columns
    values = completions.mean(dim=(1, 2, 3)).tolist()
    return [None if tag == "skip" else Failed("gone") if tag == "gone" else v for v, tag in zip(values, columns["tag"])]
brightness.media = "tensor"

async def judge(prompts, completions, opponents, tag, log_metric):
    # Likes the first place a little, and the brighter picture more.
    log_metric("duels", len(prompts))
    ahead = (completions - opponents).mean(dim=(1, 2, 3)).sign()
    answers = (0.5 + 0.1 + 0.3 * ahead).tolist()
    return [Failed("gone") if t == "gone" else None if t == "skip" else a for a, t in zip(answers, tag)]
judge.media = "tensor"

def loud(prompts, completions, opponents):
    return [2.0] * len(prompts)
"""
#: Group 0: rows 0, 2, 4; group 1: rows 1, 3; group 2: row 5 alone.
GROUPS = [0, 1, 0, 1, 0, 2]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


def score(reward, levels, tags=None):
    pixels = torch.tensor(levels)[:, None, None, None].expand(-1, 3, 4, 4).contiguous()
    prompts = [Prompt(f"p{g}", {"tag": tag}) for g, tag in zip(GROUPS, tags or [""] * len(GROUPS), strict=True)]
    return RewardPanel([RewardTerm("win-rate", reward, 1.0, "drop")]).score(prompts, pixels, groups=GROUPS)


def test_scores_become_win_rates_inside_the_group(file):
    rates = score(WinRate(of=f"{file}:brightness"), [0.1, 0.9, 0.8, 0.2, 0.3, 0.5]).values[0]
    # The lone picture of group 2 has nobody to win against.
    np.testing.assert_array_equal(rates, [0.0, 1.0, 1.0, 0.0, 0.5, math.nan])


def test_ties_count_half_and_the_margin_makes_more_of_them(file):
    levels = [0.5, 0.4, 0.5, 0.4, 0.56, 0.0]
    np.testing.assert_array_equal(score(WinRate(of=f"{file}:brightness"), levels).values[0, :5], [0.25, 0.5, 0.25, 0.5, 1.0])
    rates = score(WinRate(of=f"{file}:brightness", margin=0.1), levels).values[0, :5]
    np.testing.assert_array_equal(rates, [0.5] * 5)


def test_rows_without_a_score_are_no_opponents(file):
    tags = ["skip", "", "", "gone", "", ""]
    scores = score(WinRate(of=f"{file}:brightness"), [0.9, 0.9, 0.8, 0.2, 0.3, 0.5], tags)
    np.testing.assert_array_equal(scores.values[0], [math.nan, math.nan, 1.0, math.nan, 0.0, math.nan])
    assert scores.failures == {"win-rate": {3: "gone"}}


def test_a_function_that_compares_is_asked_both_ways(file):
    scores = score(WinRate(of=f"{file}:judge"), [0.1, 0.9, 0.8, 0.2, 0.3, 0.5])
    expected = [0.2, 0.8, 0.8, 0.2, 0.5, math.nan]
    np.testing.assert_allclose(scores.values[0], expected, rtol=1e-6)  # without the 0.1 for the first place
    assert scores.metrics == {"duels": 3 * 2 + 2 * 1}
    # Rows whose duels are skipped are judged by the other order; a failed duel fails both who fought it.
    skipped = score(WinRate(of=f"{file}:judge"), [0.1, 0.9, 0.8, 0.2, 0.3, 0.5], ["", "skip", "", "", "", ""])
    np.testing.assert_allclose(skipped.values[0, [1, 3]], [0.7, 0.3], rtol=1e-6)
    gone = score(WinRate(of=f"{file}:judge"), [0.1, 0.9, 0.8, 0.2, 0.3, 0.5], ["", "gone", "", "", "", ""])
    assert gone.failures == {"win-rate": {1: "gone", 3: "gone"}}
    assert not gone.values[0, [0, 2, 4]].isnan().any()


def test_it_takes_after_what_it_wraps(file):
    wrapped = WinRate(of=f"{file}:brightness")
    assert wrapped.media == "tensor"
    assert WinRate(of="jpeg-size", options={"quality": 50}).media == "pil"
    with pytest.raises(ConfigError, match="JPEG knows 1 to 95"):
        WinRate(of="jpeg-size", options={"quality": 500}).check()
    with pytest.raises(ConfigError, match="give the weight to win-rate itself"):
        WinRate(of="jpeg-size=0.5")
    with pytest.raises(ConfigError, match="compares by itself; set margin=0"):
        WinRate(of=f"{file}:judge", margin=0.1)
    with pytest.raises(RewardError, match=r"'loud' answered 2.0 .* outside its declared bounds \[0, 1\]"):
        score(WinRate(of=f"{file}:loud"), [0.5] * 6)
