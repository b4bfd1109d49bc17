"""A card names what differs, and nothing that may."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from genrl.errors import RunFolderError
from genrl.eval_card import EvalCard, differences, read_card

CARD = EvalCard(
    prompts={"count": 2, "sha256": "ab"},
    samples=4,
    seed=1,
    solver="euler",
    steps=8,
    shift=None,
    store="float32",
    call={"guidance_scale": 4.5, "sizes": [1, 2]},
    dtype="float32",
    mixed_precision="no",
    rewards={"clip": {"reward": "clip-score", "weight": 1.0, "options": {}, "version": "a"}},
    resolution=(32, 48),
    weights={"trained": "x"},
    made_with={"torch": "1"},
)


def test_what_may_differ_is_no_difference() -> None:
    assert differences(CARD, replace(CARD, weights={"trained": "y"}, made_with={"torch": "2"})) == {}
    assert differences(CARD, replace(CARD, resolution=None)) == {}


def test_every_other_field_is_named_with_both_values() -> None:
    changed = {
        "prompts": {"count": 2, "sha256": "cd"},
        "samples": 5,
        "seed": 2,
        "solver": "heun",
        "steps": 9,
        "shift": 3.0,
        "store": "float64",
        "call": {"guidance_scale": 1.0, "sizes": [1, 2], "height": 64},
        "dtype": "bfloat16",
        "mixed_precision": "bf16",
        "rewards": {"clip": {"reward": "clip-score", "weight": 1.0, "options": {}, "version": "b"}},
        "resolution": (32, 32),
    }
    assert differences(CARD, replace(CARD, **changed)) == {
        "prompts.sha256": ("ab", "cd"),
        "samples": (4, 5),
        "seed": (1, 2),
        "solver": ("euler", "heun"),
        "steps": (8, 9),
        "shift": (None, 3.0),
        "store": ("float32", "float64"),
        "call.guidance_scale": (4.5, 1.0),
        "call.height": (None, 64),
        "dtype": ("float32", "bfloat16"),
        "mixed_precision": ("no", "bf16"),
        "rewards.clip.version": ("a", "b"),
        "resolution": ((32, 48), (32, 32)),
    }


def test_file_gives_the_card_back(tmp_path: Path) -> None:
    CARD.write(tmp_path / "card.json")
    assert read_card(tmp_path / "card.json") == CARD
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]
    (tmp_path / "card.json").write_text("[]")
    with pytest.raises(RunFolderError, match="evaluate again"):
        read_card(tmp_path / "card.json")
