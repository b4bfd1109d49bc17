"""What a judge is asked: the rubric with its places filled, and the pictures."""

from __future__ import annotations

import asyncio
import base64
import io
import json

import pytest
import torch
from PIL import Image

from genrl.errors import ConfigError, RewardError
from genrl.rewards import VlmJudge
from genrl.rewards.judge.chat import evenly, question
from genrl.rewards.judge.rubric import SCORE, YES_OR_NO, filled, places


def test_shipped_rubrics() -> None:
    assert places(SCORE) == {"prompt", "lowest", "highest"}
    assert places(YES_OR_NO) == {"prompt"}
    text = filled(SCORE, {"prompt": "a {lowest} cat", "lowest": "0", "highest": "10"})
    assert "\na {lowest} cat\n" in text
    assert text.endswith('{"score": a number from 0 to 10}\n')


def test_places_for_columns() -> None:
    assert filled('Is "{word}" written? {"score": 1}', {"word": "OPEN", "prompt": "x"}) == 'Is "OPEN" written? {"score": 1}'
    with pytest.raises(RewardError, match="has a place {wrod}; did you mean 'word'"):
        filled("{wrod}", {"word": "OPEN", "prompt": "x"})


def test_a_rubric_that_asks_for_a_column_that_is_not_there() -> None:
    reward = VlmJudge(model="m", rubric="{prompt} {answer}")
    with pytest.raises(RewardError, match="place {answer}"):
        asyncio.run(reward(["a cat"], torch.rand(1, 3, 8, 8)))


def test_pictures_come_first_and_whole() -> None:
    pixels = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0)).mul(255).round() / 255
    body = json.loads(json.dumps(question("Well?", [pixels], "png", {"model": "m", "seed": 1, "max_tokens": None})))
    assert body["model"] == "m"
    assert body["seed"] == 1
    assert "max_tokens" not in body
    (message,) = body["messages"]
    picture, text = message["content"]
    assert text == {"type": "text", "text": "Well?"}
    head, _, data = picture["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    shown = torch.tensor(list(Image.open(io.BytesIO(base64.b64decode(data))).tobytes())).view(5, 7, 3)
    assert torch.equal(shown.movedim(-1, 0), (pixels * 255).round().long())


@pytest.mark.parametrize(
    ("total", "count", "chosen"), [(16, 4, [2, 6, 10, 14]), (3, 8, [0, 1, 2]), (9, 1, [4]), (5, 2, [1, 3])]
)
def test_frames_are_the_middles_of_equal_parts(total: int, count: int, chosen: list[int]) -> None:
    video = torch.arange(total).view(total, 1, 1, 1).expand(-1, 3, 2, 2)
    assert [int(frame[0, 0, 0]) for frame in evenly(video, count)] == chosen


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lowest": 5.0, "highest": 5.0}, "that is no range"),
        ({"pattern": "(("}, "is no regular expression"),
        ({"pattern": r"\d+"}, "has 0 groups; it needs one"),
        ({"url": "ftp://x"}, "only http://HOST:PORT and https://HOST"),
    ],
)
def test_fields_that_cannot_work(fields: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VlmJudge(model="m", **fields)


def test_request_fields_that_are_no_json() -> None:
    with pytest.raises(RewardError, match="option request of vlm-judge is no JSON"):
        asyncio.run(VlmJudge(model="m", request={"x": object()})(["a cat"], torch.rand(1, 3, 8, 8)))
