"""No failure becomes a number: what fails is typed, and what is wrong is an error with the picture beside it."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from genrl.errors import RewardError
from genrl.rewards import Failed, RewardPanel, RewardTerm, Scores


def answering(answer, **attributes):
    def reward(prompts, completions, **columns):
        return answer

    for name, value in attributes.items():
        setattr(reward, name, value)
    return reward


def panel(*answers, on_failure="drop", weights=None, folder=None, **attributes):
    weights = weights or [1.0] * len(answers)
    terms = [
        RewardTerm(f"r{k}", answering(answer, **attributes), weight, on_failure)
        for k, (answer, weight) in enumerate(zip(answers, weights, strict=True))
    ]
    return RewardPanel(terms, folder)


def test_a_failed_row_is_marked_and_has_no_value(prompts, images):
    scores = panel([1.0, Failed("504"), None], [2.0, 3.0, 4.0]).score(prompts, images)
    np.testing.assert_array_equal(scores.values, [[1.0, math.nan, math.nan], [2.0, 3.0, 4.0]])
    assert scores.failed.tolist() == [[False, True, False], [False, False, False]]
    assert scores.failures == {"r0": {1: "504"}, "r1": {}}


def test_stop_names_reward_row_and_reason_and_saves_the_picture(prompts, images, tmp_path):
    asked = panel([1.0, Failed("504 from the judge"), Failed("x")], on_failure="stop", folder=tmp_path / "failures")
    with pytest.raises(RewardError) as caught:
        asked.score(prompts, images, {"global_step": 7})
    path = tmp_path / "failures" / "r0-step-7-row-1.png"
    assert str(caught.value) == (
        f"Reward 'r0' has no score for row 1 (prompt 'a dog'; picture: {path}) and 1 more: 504 from the judge. Mend its "
        "cause, or set the reward's on_failure to drop, to go on without the groups of such pictures."
    )
    np.testing.assert_allclose(np.asarray(Image.open(path)) / 255, images[1].permute(1, 2, 0), atol=0.5 / 255 + 1e-6)


def test_what_is_only_measured_follows_the_same_policy(prompts, images):
    class Measured:
        def __call__(self, prompts, completions):
            return [1.0] * len(prompts)

        def metrics(self, prompts, completions):
            return {"strict": [1.0, Failed("504"), None]}

    dropping, stopping = (RewardPanel([RewardTerm("m", Measured(), 1.0, policy)]) for policy in ("drop", "stop"))
    np.testing.assert_array_equal(dropping.metrics(prompts, images)["m/strict"], [1.0, math.nan, math.nan])
    with pytest.raises(RewardError, match=r"'m/strict' has no score for row 1 \(prompt 'a dog'\): 504"):
        stopping.metrics(prompts, images)


@pytest.mark.parametrize(
    ("answer", "attributes", "row"),
    [
        ([1.0, math.nan, 0.0], {}, 1),
        ([1.0, 0.0, "good"], {}, 2),
        ([1.0, 0.5], {}, 2),
        ([1.0, 0.5, 0.0, 0.0], {}, 2),
        ([1.0, 0.5, -0.1], {"bounds": (0.0, 1.0)}, 2),
    ],
)
def test_every_wrong_answer_shows_its_picture(prompts, images, tmp_path, answer, attributes, row):
    """Under either policy: a wrong answer is no failure of a row."""
    with pytest.raises(RewardError, match=rf"Reward 'r0' .*row {row} \(prompt .*; picture: .*r0-row-{row}\.png\)"):
        panel(answer, folder=tmp_path, **attributes).score(prompts, images)
    assert [path.name for path in tmp_path.iterdir()] == [f"r0-row-{row}.png"]


def test_a_video_is_saved_with_its_frames_side_by_side(prompts, images, tmp_path):
    videos = images[:, None] * torch.tensor([1.0, 0.5])[:, None, None, None]
    with pytest.raises(RewardError, match=r"r0-row-0\.png"):
        panel([math.inf, 0.0, 0.0], folder=tmp_path).score(prompts, videos)
    saved = np.asarray(Image.open(tmp_path / "r0-row-0.png")) / 255
    np.testing.assert_allclose(saved[:, :16], images[0].permute(1, 2, 0), atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(saved[:, 16:], images[0].permute(1, 2, 0) / 2, atol=0.5 / 255 + 1e-6)


def test_a_picture_that_cannot_be_saved_does_not_hide_the_error(prompts, images, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RewardError, match=r"answered nan for row 0 \(prompt 'a cat'; picture: not saved, .*\)"):
        panel([math.nan, 0.0, 0.0], folder=tmp_path / "file").score(prompts, images)


@pytest.mark.parametrize(
    ("value", "bounds", "inside"),
    [
        (1.0000001, (-1.0, 1.0), True),
        (1.001, (-1.0, 1.0), False),
        (1e9, (0.0, math.inf), True),
        (-1e-3, (0.0, math.inf), False),
        (None, (0.0, 1.0), True),
        (Failed("x"), (0.0, 1.0), True),
    ],
)
def test_bounds_hold_up_to_rounding(prompts, images, value, bounds, inside):
    asked = panel([0.5, 0.5, value], bounds=bounds)
    if inside:
        assert asked.score(prompts, images).values[0, :2].tolist() == [0.5, 0.5]
        return
    with pytest.raises(RewardError, match=r"answered .* for row 2 \(prompt 'a cat'\), outside its declared bounds \["):
        asked.score(prompts, images)


def test_totals_have_no_silent_zero(prompts, images):
    asked = panel([1.0, None, 2.0], [None, None, Failed("x")], [1.0, 1.0, 1.0], weights=[1.0, 2.0, 0.0])
    # The third reward is only watched, so the second picture has nothing that counts.
    np.testing.assert_array_equal(asked.total(asked.score(prompts, images)), [1.0, math.nan, math.nan])


def test_groups_with_a_failure_are_dropped_and_one_must_be_left():
    values = torch.zeros(2, 6, dtype=torch.float64)
    asked = panel([], [], weights=[1.0, 0.0])
    kept = asked.kept(Scores(values, {"r0": {2: "a", 3: "b"}, "r1": {5: "watched only"}}), 2)
    assert kept.tolist() == [True, False, True]
    with pytest.raises(RewardError, match=r"No group .* reward 'r0' failed for 3 of 6 pictures \(late\)"):
        asked.kept(Scores(values, {"r0": {5: "c", 0: "late", 2: "d"}, "r1": {}}), 2)


def test_joined_scores_are_those_of_all_pictures_together():
    def part(start, size, **more):
        return Scores(torch.arange(start, start + size)[None].double(), seconds={"r": 1.0}, **more)

    joined = Scores.join(
        [
            part(0, 1, failures={"r": {}}, metrics={"m": 1.0}, extras={"e": ["a"]}),
            part(1, 3, failures={"r": {2: "why"}}, metrics={"m": 5.0, "late": 2.0}),
        ]
    )
    assert joined.values.tolist() == [[0.0, 1.0, 2.0, 3.0]]
    assert joined.failures == {"r": {3: "why"}}
    assert joined.failed.tolist() == [[False, False, False, True]]
    assert joined.metrics == {"m": 4.0, "late": 2.0}
    assert joined.extras == {"e": ["a", None, None, None]}
    assert joined.seconds == {"r": 2.0}


def test_a_reward_that_says_itself_what_is_wrong_is_quoted(prompts, images):
    def strict(prompts, completions, **columns):
        raise RewardError("the server at :8000 is gone; start it again.")

    with pytest.raises(RewardError, match=r"^Reward 'strict': the server at :8000 is gone; start it again\.$"):
        RewardPanel([RewardTerm("strict", strict, 1.0, "drop")]).score(prompts, images)
