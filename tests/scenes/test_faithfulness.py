"""The world knows what a prompt asks for, so its faithfulness is exact."""

from __future__ import annotations

import pytest
import torch

from genrl.errors import ConfigError
from genrl.rewards import RewardPanel, resolve_reward
from genrl.scenes import ScenesFaithfulness, ScenesReward
from genrl.types import Prompt

LOOSE = Prompt("put a blue square under something round and yellow", {"scene": "a yellow circle above a blue square"})


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a yellow circle above a blue square", 1.0),
        ("A blue square  below a yellow circle", 1.0),
        ("a blue square above a yellow circle", 0.5),
        ("yellow circle, above blue square!", 0.5),
        ("a yellow circle", 0.5 * 2 * 2 / 7),
        ("three purple triangles", 0.0),
        ("put a blue square under something round and yellow", 0.5 * 2 * 3 / 8),
        ("", 0.0),
    ],
)
def test_the_scene_counts_and_then_its_words(written: str, kept: float) -> None:
    assert ScenesFaithfulness()([LOOSE], [written]) == [pytest.approx(kept)]


def test_words_count_as_often_as_they_are_asked_for() -> None:
    asked = Prompt("a red circle left of a blue circle")
    short, full = ScenesFaithfulness()([asked, asked], ["red circle left blue", "red circle left blue circle"])
    assert short < full == 0.5


def test_a_request_without_a_scene_has_to_be_a_sentence_of_the_grammar() -> None:
    assert ScenesFaithfulness()([Prompt("two red squares")], ["two red squares"]) == [1.0]
    with pytest.raises(ConfigError, match="'something round' is not a scenes prompt; .* give the requests a column 'scene'"):
        ScenesFaithfulness()([Prompt("something round")], ["a red circle"])


def test_the_reward_judges_by_the_scene_of_a_request() -> None:
    """A picture is worth the same for a loose request as for the sentence that it stands for, whatever was written."""
    _, good, _ = ScenesReward().known_answers()
    pictures = torch.stack([good] * 3)
    prompts = [
        Prompt("a red circle"),
        Prompt("something round in red", {"scene": "a red circle"}),
        Prompt("two blue squares", {"scene": "a red circle"}, request="something round in red"),
    ]
    panel = RewardPanel([resolve_reward("scenes")])
    scores = panel.score(prompts, pictures).values[0]
    assert scores[0] > 0.9
    assert torch.equal(scores, scores[:1].expand(3))
    assert panel.metrics(prompts, pictures)["scenes/strict"].tolist() == [1.0, 1.0, 1.0]


def test_rewards_read_the_request_and_not_what_was_written() -> None:
    seen = []

    def reward(prompts: list[str], completions: object) -> list[float]:
        seen.extend(prompts)
        return [1.0] * len(prompts)

    panel = RewardPanel([resolve_reward("random", weight=0.0)])
    panel.terms = (type(panel.terms[0])("mine", reward),)
    panel.score([Prompt("written", request="asked"), Prompt("plain")], torch.zeros(2, 3, 4, 4))
    assert seen == ["asked", "plain"]
