"""`genrl compare`: equal cards or a refusal, paired numbers, and pages that nothing escapes from."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genrl.eval_card import EvalCard
from genrl.judging.comparison import Place, compare
from genrl.judging.figure import rows, save_figure
from genrl.judging.judgement import Judgement, read_judgement
from genrl.judging.page import write_page
from genrl.statistics import bootstrap, share
from tests.judging.test_eval_card import CARD
from tests.tiny_runs import genrl

PROMPTS = ["a cat", "<script>alert(1)</script> & a dog"]


def judged(folder: Path, values: dict[str, list[float]], card: EvalCard = CARD, size: int = 16) -> Judgement:
    """Scores as given, of grey pictures that cycle through `PROMPTS`."""
    folder.mkdir(parents=True)
    pictures = []
    for sample in range(len(values["reward"])):
        pictures.append(folder / f"{sample}.png")
        Image.new("RGB", (size, size), (20 * sample, 90, 90)).save(pictures[-1])
    prompts = [PROMPTS[sample % 2] for sample in range(len(pictures))]
    card = replace(card, weights={"source": "here", "trained": "x"}, made_with={"genrl": "0"})
    return Judgement(folder, card, prompts, pictures, {name: np.array(v) for name, v in values.items()}, {})


@pytest.fixture
def pair(tmp_path: Path) -> dict[str, Judgement]:
    first = {"reward": [0.1, 0.2, 0.3, 0.4], "rewards/clip": [0.1, 0.2, 0.3, 0.4], "pictures/grid": [1.0, 1.0, 1.0, 1.0]}
    second = {"reward": [0.3, 0.2, 0.2, np.nan], "rewards/clip": [0.3, 0.2, 0.2, np.nan], "pictures/grid": [2.0, 1.5, 1.0, 1.0]}
    return {"one": judged(tmp_path / "one", first), "<b>two": judged(tmp_path / "two", second | {"other": [1.0] * 4})}


def test_differences_and_wins_are_paired_and_leave_out_what_has_no_score(pair: dict[str, Judgement]) -> None:
    table = compare(pair)
    assert list(table) == ["reward", "pictures/grid"]  # the only reward is the total, and `other` is not of both
    change = pair["<b>two"].values["reward"] - pair["one"].values["reward"]
    first, second = table["reward"]
    assert first == Place("one", bootstrap(np.array([0.1, 0.2, 0.3, 0.4])))
    assert (second.difference, second.wins) == (bootstrap(change), share(np.array([1.0, 0.5, 0.0])))
    assert second.verdict == "no clear change"
    assert (table["pictures/grid"][1].wins, table["pictures/grid"][1].verdict) == (None, "")


def test_figure_has_a_row_for_each_prompt_and_a_column_for_each_method(pair: dict[str, Judgement], tmp_path: Path) -> None:
    save_figure(tmp_path / "figure.png", pair)
    assert [row.prompt for row in rows(pair, 8)] == PROMPTS
    assert [path.name for path in rows(pair, 8)[1].pictures.values()] == ["1.png", "1.png"]
    figure = np.asarray(Image.open(tmp_path / "figure.png").convert("RGB"))
    for colour in ((0, 90, 90), (20, 90, 90)):
        there = (figure == colour).all(axis=2)
        assert there.sum() == 2 * 192 * 192
        assert len(np.unique(np.flatnonzero(there.any(axis=1)))) == 192


def test_page_loads_nothing_and_lets_nothing_escape(pair: dict[str, Judgement], tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", pair, compare(pair))
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;two" in page
    assert "<b>two" not in page
    assert set(re.findall(r'(?:src|href)="([^:"]*)', page)) == {"data"}
    assert not re.search(r"url\(|@import|https?:", page)
    assert "default-src 'none'" in page
    assert page.count("<img ") == 4
    nothing = {name: replace(one, values={"reward": np.full(4, np.nan)}) for name, one in pair.items()}
    write_page(tmp_path / "page.html", nothing, compare(nothing))
    assert "no picture has this number" in (tmp_path / "page.html").read_text()
    assert "no clear change" in page.replace("no-clear-change", "no clear change")


def test_base_and_checkpoint_are_compared_as_the_run_evaluated_them(runs: dict[str, Path], tmp_path: Path) -> None:
    run, output = runs["full"], tmp_path / "out"
    shown = genrl("compare", "base", str(run / "checkpoints/checkpoint-000001"), str(run), "--output", str(output))
    for name, step in (("base", 0), ("run@1", 1), ("run", 2)):
        assert name in shown
        noted = json.loads((run / "evaluations" / f"step-{step:06d}.json").read_text())
        assert {key: list(value) for key, value in read_judgement(output / name).values.items()} == noted, name
    measures = json.loads((output / "comparison.json").read_text())["measures"]
    before, after = (read_judgement(output / name).values["reward"] for name in ("base", "run"))
    assert measures["reward"][2]["difference"]["mean"] == pytest.approx((after - before).mean())
    assert {"figure.png", "comparison.html"} <= {path.name for path in output.iterdir()}


def test_unequal_cards_are_refused_with_what_differs_unless_judged_anew(runs: dict[str, Path], tmp_path: Path) -> None:
    run, (a, b) = runs["lora"], (tmp_path / "a", tmp_path / "b")
    genrl("eval", str(run), "--output", str(a))
    genrl("eval", str(run), "--output", str(b), "--steps", "2", "--seed", "5", "--reward", "sharpness")
    said = genrl("compare", str(a), str(b), "--output", str(tmp_path / "out"), code=2)
    for field in ("seed (1234 of a, 5 of b)", "steps (3 of a, 2 of b)", "rewards.sharpness.weight (None of a, 1.0 of b)"):
        assert field in said
    assert "prompts" not in said
    assert "--re-evaluate" in said
    assert not (tmp_path / "out").exists()
    genrl("compare", str(b), "base", str(a), "--re-evaluate", "--steps", "1", "--output", str(tmp_path / "out"))
    cards = [read_judgement(tmp_path / "out" / name).card for name in ("b", "base", "a")]
    assert {(card.steps, card.seed, tuple(card.rewards)) for card in cards} == {(1, 1234, ("colorfulness",))}
    assert len({card.weights["trained"] for card in cards}) == 2


def test_runs_that_differ_are_refused_before_anything_is_drawn(runs: dict[str, Path], tmp_path: Path) -> None:
    said = genrl("compare", str(runs["lora"]), str(runs["full"]), "--output", str(tmp_path / "out"), code=2)
    assert "mixed_precision (bf16 of run, no of run-2)" in said
    assert not (tmp_path / "out").exists()
    assert "at least two" in genrl("compare", str(runs["full"]), code=2)
    assert "name a run" in genrl("compare", "base", "base", code=2)
