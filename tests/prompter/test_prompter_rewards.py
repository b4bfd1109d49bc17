"""The reward functions that TRL is given, by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from datasets import Dataset
from torch import Tensor

from genrl.errors import RewardError
from genrl.judging.source import find, load
from genrl.policy import WeightedPolicy
from genrl.prompter.asking import Asking, prompt_of
from genrl.prompter.painting import BATCH, Painter, batches
from genrl.prompter.requests import prompts_of, trl_dataset
from genrl.prompter.rewards import FaithfulnessReward, PictureReward
from genrl.prompts import MapPrompts
from genrl.rewards import Failed, RewardPanel, RewardTerm
from genrl.scenes import ScenesFaithfulness
from genrl.types import Prompt, Sampling

REQUESTS = [Prompt("a red circle", {"tag": "r"}, 0), Prompt("a blue square", {"tag": "b"}, 1)]


@pytest.fixture(scope="module")
def painter() -> Painter:
    model = load(find("scenes"))
    return Painter(model, WeightedPolicy(model), Sampling(steps=2, shift=3.0), "no", seed=0)


def latent_mean(prompts: list[str], completions: Tensor) -> list[float]:
    return completions.flatten(1).mean(dim=1).tolist()


latent_mean.media = "latent"  # type: ignore[attr-defined]


def reward(painter: Painter, *terms: RewardTerm, noises: int = 2) -> PictureReward:
    return PictureReward(REQUESTS, RewardPanel(terms or [RewardTerm("mean", latent_mean)]), painter, noises)


def asked(function: Any, texts: Sequence[Any], requests: Sequence[int], step: int = 0) -> tuple[list[Any], dict[str, float]]:
    """What TRL gets for these completions, and what was logged."""
    logged: dict[str, float] = {}
    state = SimpleNamespace(global_step=step, max_steps=10)
    answer = function(
        prompts=["x"] * len(texts),
        completions=list(texts),
        completion_ids=[[1]] * len(texts),
        request_index=list(requests),
        trainer_state=state,
        log_extra=lambda name, values: None,
        log_metric=logged.__setitem__,
    )
    return answer, logged


def test_completions_of_a_request_share_their_noise_and_requests_and_steps_do_not(painter: Painter) -> None:
    texts = ["two red squares", "two red squares", "two red squares"]
    (one, same, other), logged = asked(reward(painter), texts, [0, 0, 1])
    assert one == pytest.approx(same, abs=1e-6)
    assert abs(one - other) > 1e-4
    assert logged["pictures/mean"] == pytest.approx((one + same + other) / 3, abs=1e-6)
    (later, *_), _ = asked(reward(painter), texts, [0, 0, 1], step=1)
    assert abs(one - later) > 1e-4


def test_a_completion_is_worth_the_same_whatever_stands_beside_it(painter: Painter) -> None:
    (alone,), _ = asked(reward(painter), ["a red circle"], [0])
    (_, _, among), _ = asked(reward(painter), ["three green triangles", "a blue square", "a red circle"], [1, 0, 0])
    assert among == pytest.approx(alone, abs=1e-5)


def test_each_distinct_prompt_is_encoded_once_and_then_forgotten(painter: Painter) -> None:
    painter.policy.counts.clear()
    asked(reward(painter), ["a red circle", "a red circle", "two blue squares"], [0, 0, 1])
    assert painter.policy.counts["encodes"] == 2
    asked(reward(painter), ["a red circle"], [0])
    assert painter.policy.counts["encodes"] == 3


def test_a_prompt_that_is_written_again_costs_no_other_picture(painter: Painter) -> None:
    """Rows of one text and one noise: two noises by two steps each for the first request, and for the second."""
    painter.policy.counts.clear()
    texts = ["a red circle", "two blue squares", "a red circle", "a red circle", "a red circle"]
    answers, _ = asked(reward(painter), texts, [0, 0, 0, 1, 1])
    assert painter.policy.counts["forwards"] == 3 * 2 * 2
    assert answers[0] == answers[2] != answers[1]
    assert answers[3] == answers[4] != answers[0]
    assert answers == pytest.approx(
        [asked(reward(painter), [t], [r])[0][0] for t, r in zip(texts, [0, 0, 0, 1, 1], strict=True)]
    )


def test_rewards_are_given_the_request_and_its_columns(painter: Painter) -> None:
    seen: list[Any] = []

    def spy(prompts: list[str], completions: Any, tag: list[str], trainer_state: Any) -> list[float]:
        seen.extend(zip(prompts, tag, strict=True))
        assert trainer_state.global_step == 3
        return [1.0] * len(prompts)

    asked(reward(painter, RewardTerm("spy", spy), noises=1), ["x y", "z"], [1, 0], step=3)
    assert seen == [("a blue square", "b"), ("a red circle", "r")]


def test_a_lost_picture_takes_its_whole_group_along(painter: Painter) -> None:
    """Half a group would be compared with what has more or fewer pictures; a failure is never a 0."""

    def failing(prompts: list[str], completions: Any) -> list[Any]:
        return [Failed("lost") if row == 1 else 1.0 for row in range(len(prompts))]

    answer, _ = asked(reward(painter, RewardTerm("failing", failing, on_failure="drop")), ["x", "y", "z"], [0, 0, 1])
    assert answer == [None, None, 1.0]
    with pytest.raises(RewardError, match="has no score for"):
        asked(reward(painter, RewardTerm("failing", failing)), ["x", "y", "z"], [0, 0, 1])
    with pytest.raises(RewardError, match="No completion has all its scores"):
        asked(reward(painter, RewardTerm("failing", failing, on_failure="drop")), ["x"], [0])


def test_faithfulness_reads_conversations_too() -> None:
    function = FaithfulnessReward(REQUESTS, ScenesFaithfulness())
    chat = [[{"role": "assistant", "content": " a red\ncircle "}], [{"role": "assistant", "content": "a red circle"}]]
    assert asked(function, chat, [0, 1])[0] == [1.0, pytest.approx(0.0)]
    with pytest.raises(RewardError, match="must return a number in"):
        asked(FaithfulnessReward(REQUESTS, lambda prompts, written: [2.0]), ["x"], [0])


def test_a_template_is_text_or_the_message_of_a_user() -> None:
    assert Asking("say {request}!")("it {x}") == "say it {x}!"
    assert Asking("{request}", chat=True)("it") == [{"role": "user", "content": "it"}]
    assert prompt_of("  a\n b ") == "a b"
    assert prompt_of([{"role": "assistant", "content": ""}]) == ""


@pytest.mark.parametrize("column", ["prompt", "text", "request"])
def test_a_set_of_requests_alone_is_one_too(column: str) -> None:
    table = MapPrompts(Dataset.from_list([{column: prompt.text} for prompt in REQUESTS]))
    dataset = trl_dataset(table, Asking("{request} =>"), 2)
    expected = [{"request_index": k, "prompt": f"{p.text} =>", "request": p.text} for k, p in enumerate(REQUESTS)]
    assert dataset.to_list() == expected
    assert [prompt.text for prompt in prompts_of(table)] == [prompt.text for prompt in REQUESTS]


def test_batches_keep_requests_whole() -> None:
    assert batches([1, 0, 1]) == [[0, 2, 1]]
    many = [k // 40 for k in range(120)]
    assert [len(batch) for batch in batches(many)] == [80, 40]
    assert [len(batch) for batch in batches([0] * (BATCH + 1))] == [BATCH + 1]


def test_pictures_are_decoded_only_where_a_reward_looks_at_them(painter: Painter) -> None:
    painter.policy.counts.clear()
    asked(reward(painter), ["x"], [0])
    assert painter.policy.counts["decodes"] == 0

    def look(prompts: list[str], completions: Tensor) -> list[float]:
        assert completions.shape == (2, 3, 32, 32)
        return torch.ones(2).tolist()

    look.media = "tensor"  # type: ignore[attr-defined]
    assert asked(reward(painter, RewardTerm("look", look)), ["x"], [0])[0] == [1.0]
