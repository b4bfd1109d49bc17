"""`genrl eval`: under a run's own card it gives the run's own numbers, and it keeps what it scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genrl.eval_card import differences, read_card
from genrl.judging.judgement import read_judgement
from genrl.judging.source import called
from genrl.statistics import bootstrap
from tests.tiny_runs import genrl


@pytest.mark.parametrize(
    ("weights", "place", "step"),
    [
        ("lora", "", 2),
        ("full", "", 2),
        ("lora", "checkpoints/checkpoint-000001", 1),
        ("full", "checkpoints/checkpoint-000001", 1),
        ("lora", "checkpoints/checkpoint-000001/model", 1),
        ("full", "model", 2),
    ],
)
def test_scores_and_card_are_those_of_the_run(
    weights: str, place: str, step: int, runs: dict[str, Path], tmp_path: Path
) -> None:
    """To the last digit, at the end and at a checkpoint, of average weights and under autocast."""
    run = runs[weights]
    genrl("eval", str(run / place), "--output", str(tmp_path / "out"))
    judged = read_judgement(tmp_path / "out")
    noted = json.loads((run / "evaluations" / f"step-{step:06d}.json").read_text())
    assert {name: values.tolist() for name, values in judged.values.items()} == noted
    card = read_card(run / "evaluations" / f"card-{step:06d}.json")
    assert differences(card, judged.card) == {}
    assert (card.resolution, card.steps, card.samples) == (judged.card.resolution, 3, 5)
    assert {name: judged.card.weights[name] for name in ("trained", "version")} == {
        name: card.weights[name] for name in ("trained", "version")
    }


def test_each_evaluation_of_a_run_has_the_digest_of_its_weights(runs: dict[str, Path]) -> None:
    for run in runs.values():
        cards = [read_card(run / "evaluations" / f"card-{step:06d}.json") for step in range(3)]
        assert len({card.weights["trained"] for card in cards}) == 3
        assert all(differences(cards[0], card) == {} for card in cards)


def test_folder_holds_scores_by_prompt_and_overall_and_the_pictures(runs: dict[str, Path], tmp_path: Path) -> None:
    told = ["--reward", "sharpness", "--reward", "jpeg-size=0.5", "--samples", "7", "--seed", "3", "--steps", "2"]
    (tmp_path / "two.txt").write_text("a cat\na dog\n")
    shown = genrl("eval", str(runs["lora"]), *told, "--prompts", str(tmp_path / "two.txt"), "--output", str(tmp_path / "out"))
    assert "7 pictures of 2 prompts, euler with 2 steps" in shown
    scores, judged = json.loads((tmp_path / "out" / "scores.json").read_text()), read_judgement(tmp_path / "out")
    reward = judged.values["reward"]
    expected = bootstrap(reward)
    assert scores["overall"]["reward"] == {
        "mean": expected.mean,
        "low": expected.low,
        "high": expected.high,
        "samples": 7,
    }
    for row in scores["prompts"]:
        own = np.array([value for value, prompt in zip(reward, judged.prompts, strict=True) if prompt == row["prompt"]])
        assert (row["reward"]["mean"], row["reward"]["samples"]) == (pytest.approx(own.mean()), len(own))
    np.testing.assert_allclose(reward, judged.values["rewards/sharpness"] + 0.5 * judged.values["rewards/jpeg-size"])
    assert (judged.card.seed, judged.card.steps, judged.card.prompts["count"]) == (3, 2, 2)
    assert {Image.open(path).size for path in judged.pictures} == {judged.card.resolution[::-1]}
    assert (tmp_path / "out" / "sheet.png").is_file()
    assert "is there already" in genrl("eval", str(runs["lora"]), "--output", str(tmp_path / "out"), code=2)


def test_bad_questions_are_answered_before_weights_are_read(runs: dict[str, Path], tmp_path: Path) -> None:
    base = str(runs["lora"].parent / "base")
    assert "Nothing is rewarded" in genrl("eval", base, code=2)
    assert "There are no prompts; give --prompts" in genrl("eval", base, "--reward", "sharpness", code=2)
    assert "did you mean 'sharpness'" in genrl("eval", base, "--reward", "sharpnes", code=2)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("runs/one", "one"),
        ("runs/one/model", "one"),
        ("runs/one/checkpoints/checkpoint-000010/model", "one@10"),
        ("runs/one/exports/step-000010", "one@10"),
        ("owner/name", "name"),
        ("scenes", "scenes"),
    ],
)
def test_short_names(source: str, name: str) -> None:
    assert called(source) == name
