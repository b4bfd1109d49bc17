"""OCR for real: pictures drawn by PIL, read by RapidOCR."""

import builtins

import numpy as np
import pytest
import torch
from PIL import Image

from genrl.errors import RewardError
from genrl.rewards import Ocr, RewardPanel, RewardTerm
from genrl.rewards.edit_distance import edit_distance
from genrl.rewards.examples import noise, words
from genrl.rewards.reading import reader
from genrl.types import Prompt


@pytest.mark.parametrize(
    ("wanted", "text", "distance", "nearest"),
    [
        ("kitten", "sitting", 3, 2),
        ("flaw", "lawn", 2, 1),
        ("", "abc", 3, 0),
        ("abc", "", 3, 3),
        ("abc", "abc", 0, 0),
        ("abc", "xxabcxx", 4, 0),
        ("abc", "xxabxx", 4, 1),
        ("abc", "xyz", 3, 3),
    ],
)
def test_edit_distance(wanted, text, distance, nearest):
    assert edit_distance(wanted, text) == edit_distance(text, wanted) == distance
    assert edit_distance(wanted, text, anywhere=True) == nearest
    parts = {text[a:b] for a in range(len(text) + 1) for b in range(a, len(text) + 1)}
    assert min(edit_distance(wanted, part) for part in parts) == nearest


@pytest.mark.parametrize(
    ("options", "wanted", "text", "value"),
    [
        ({}, "Open 24", "open24", 1.0),
        ({"fold_case": False}, "Open", "open", 0.75),
        ({"fold_space": False}, "a  b", " a b ", 1.0),
        ({"fold_space": False}, "a b", "ab", 1 - 1 / 3),
        ({}, "abcd", "abcdabcd", 0.5),
        ({"match": "substring"}, "abcd", "xxabcdabcd", 1.0),
        ({"match": "substring"}, "abcd", "xxabxdxx", 0.75),
        ({"match": "substring"}, "abcd", "", 0.0),
        ({}, "abcd", "", 0.0),
        ({}, "Straße", "STRASSE", 1.0),
    ],
)
def test_likeness(options, wanted, text, value):
    assert Ocr(**options).likeness(wanted, text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("prompt", "given", "wanted"),
    [
        ('a sign "OPEN" at night', None, "OPEN"),
        ('"HAPPY" above "BIRTHDAY"', None, "HAPPY BIRTHDAY"),
        ("a sign “geöffnet”, not 'closed'", None, "geöffnet"),
        ('a sign "OPEN"', "closed", "closed"),
        ("24", 24, "24"),
        ("a dog's and a cat's", None, None),
        ("a dog", "", None),
        ('an empty sign " "', None, None),
    ],
)
def test_text_that_is_asked_for(prompt, given, wanted):
    assert Ocr().wanted(prompt, given) == wanted


def test_reads_what_is_drawn():
    """The rendered word scores 1, a scrambled one less, noise and a blank picture 0, no text asked for None."""
    pixels = torch.stack([words("coffee"), words("fecfoe"), noise(), torch.ones(3, 256, 256), words("coffee"), words("Coffee")])
    prompts = [Prompt("a cup", {"text": "coffee"})] * 4 + [Prompt("a cup"), Prompt('a cup with "coffee" on it')]
    scores = RewardPanel([RewardTerm("ocr", Ocr())]).score(prompts, pixels)
    right, scrambled, speckled, blank, none, quoted = scores.values[0].tolist()
    assert (right, quoted) == (1.0, 1.0)
    assert 0.0 < scrambled < 0.6
    assert (speckled, blank) == (0.0, 0.0)
    assert np.isnan(none)
    assert scores.extras["ocr_text"] == ["coffee", "fecfoe", "", "", None, "Coffee"]


def test_knows_its_known_answers():
    columns, good, bad = Ocr().known_answers()
    prompt = Prompt(columns.pop("prompt"), columns)
    right, wrong = RewardPanel([RewardTerm("ocr", Ocr())]).score([prompt] * 2, torch.stack([good, bad])).values[0]
    assert right == 1.0 > wrong


def test_reads_lines_in_order():
    from PIL import ImageDraw, ImageFont

    picture = Image.new("RGB", (320, 240), (30, 60, 120))
    draw = ImageDraw.Draw(picture)
    for height, line in ((40, "GRAND"), (100, "OPENING"), (160, "MAY 17")):
        draw.text((60, height), line, fill="yellow", font=ImageFont.load_default(36))
    answer = Ocr(fold_space=False, fold_case=False)(["p"], [picture], text=["GRAND OPENING MAY 17"])
    assert answer == [1.0]


def test_letters_of_a_picture_that_is_hardly_enlarged():
    """Text 32 pixels high needs no 736."""
    picture = Image.fromarray((words("coffee").permute(1, 2, 0) * 255).byte().numpy())
    assert Ocr(side=320)(["p"], [picture], text=["coffee"]) == [1.0]


def test_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "rapidocr":
            raise ImportError("No module named 'rapidocr'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    reader.cache_clear()
    with pytest.raises(RewardError, match=r"pip install 'genrl-toolkit\[ocr\]'"):
        Ocr().check()


def test_is_silent_and_says_its_version(capfd, caplog):
    reader.cache_clear()
    Ocr().check()
    Ocr()(["p"], [Image.new("RGB", (64, 64))], text=["x"])
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert Ocr().version.startswith("rapidocr 3")


def test_videos_are_sent_to_per_frame():
    with pytest.raises(RewardError, match="use the reward per-frame"):
        Ocr()(["p"], [np.zeros((2, 8, 8, 3), np.uint8)], text=["x"])
