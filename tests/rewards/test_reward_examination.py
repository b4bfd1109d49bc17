"""Each check of the examination passes for a sound reward and fails for one that breaks it."""

import pytest
import torch

from genrl.errors import RewardError
from genrl.rewards import RewardTerm, resolve_reward
from genrl.rewards.examination import examine_reward

CHECKS = ("has what it needs", "answers", "knows good from bad", "tells pictures apart", "does not depend on the batch", "time")


class Redness:
    media, bounds, version = "tensor", (-1.0, 1.0), "pixels 1.0"

    def __call__(self, prompts, completions, **columns):
        assert prompts[0] == "a red square"
        assert columns["tag"] == [3] * len(prompts)
        return (completions[:, 0] - completions[:, 1:].mean(dim=1)).mean(dim=(1, 2)).tolist()

    def known_answers(self):
        return {"prompt": "a red square", "tag": 3}, square(0), square(1)


class Blind(Redness):
    def __call__(self, prompts, completions, **columns):
        return [0.5] * len(prompts)


class Ranking(Redness):
    def __call__(self, prompts, completions, **columns):
        order = completions.mean(dim=(1, 2, 3)).argsort().argsort()
        return (order / 8).tolist()


class Needy(Redness):
    def check(self):
        raise RewardError("The judge's folder is missing; fetch it.")


class Loud(Redness):
    def __call__(self, prompts, completions, **columns):
        return [2.0] * len(prompts)


class Picky(Redness):
    def __call__(self, prompts, completions, **columns):
        return [None] * len(prompts)


def square(channel):
    picture = torch.zeros(3, 16, 16)
    picture[channel] = 1.0
    return picture


def examined(reward):
    return {row.check: row for row in examine_reward(RewardTerm("mine", reward))}


def test_a_sound_reward_passes_everything():
    rows = examined(Redness())
    assert tuple(rows) == CHECKS
    assert all(row.passed for row in rows.values()), rows
    assert rows["has what it needs"].detail == "pixels 1.0"
    assert rows["knows good from bad"].detail == "1 for the good picture and -0.5 for the bad one of 'a red square'"
    assert rows["tells pictures apart"].detail.endswith("to 1 over 8 pictures; it declares -1 to 1")
    assert "ms a picture of 3x16x16" in rows["time"].detail


@pytest.mark.parametrize(
    ("reward", "wrong", "words"),
    [
        (Blind(), {"knows good from bad", "tells pictures apart"}, "0.5 to 0.5"),
        (Ranking(), {"does not depend on the batch", "knows good from bad"}, "a picture by itself differs by at most"),
        (Needy(), {"has what it needs"}, "The judge's folder is missing; fetch it."),
        (Loud(), {"answers"}, "outside its declared bounds"),
        (Picky(), {"knows good from bad", "tells pictures apart"}, "it applies to none of 8 pictures"),
    ],
)
def test_a_broken_one_fails_where_it_is_broken(reward, wrong, words):
    rows = examined(reward)
    assert {check for check, row in rows.items() if not row.passed} == wrong
    assert any(words in rows[check].detail for check in wrong)


def test_rewards_of_latents_and_of_groups_without_known_answers():
    class Distance:
        media, group_wise = "latent", True

        def __call__(self, prompts, completions, groups):
            assert completions.shape[1:] == (4, 32, 32)
            flat, number = completions.flatten(1), torch.tensor(groups)
            return [(flat[b] - flat[number == g].mean(0)).norm() for b, g in enumerate(groups)]

    rows = examined(Distance())
    assert rows.pop("knows good from bad").passed is None
    assert all(row.passed for row in rows.values()), rows
    assert "a group by itself" in rows["does not depend on the batch"].detail


@pytest.mark.parametrize("name", ["jpeg-size", "colorfulness", "sharpness"])
def test_shipped_rewards_know_their_answers(name):
    rows = {row.check: row for row in examine_reward(resolve_reward(name))}
    assert all(row.passed for row in rows.values()), rows
