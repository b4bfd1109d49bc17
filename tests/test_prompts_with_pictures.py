"""Prompts that come with pictures: files of several kinds, and what is wrong with one is said before a run begins."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from genrl.config import resolve
from genrl.errors import GenrlError, PromptError
from genrl.judging.protocol import prompts_digest
from genrl.pictures import opened
from genrl.prompts import MapPrompts, check_pictures, load_prompts
from genrl.run import build

COLUMNS = ("chosen", "rejected")


def picture(shade: int) -> Image.Image:
    return Image.fromarray(np.full((4, 4, 3), shade, np.uint8))


def parquet(folder: Path) -> Path:
    """Pictures inside the file, as `datasets` keeps them."""
    rows = [{"prompt": f"prompt {i}", "chosen": picture(200 + i), "rejected": picture(i)} for i in range(4)]
    datasets.Dataset.from_list(rows).to_parquet(folder / "pairs.parquet")
    return folder / "pairs.parquet"


def jsonl(folder: Path, **changes: str) -> Path:
    """Paths of pictures; `changes` are those of row 2."""
    for name, shade in (("good", 200), ("bad", 20)):
        picture(shade).save(folder / f"{name}.png")
    row = {"chosen": str(folder / "good.png"), "rejected": str(folder / "bad.png")}
    rows = [{"prompt": f"prompt {i}"} | row | (changes if i == 1 else {}) for i in range(4)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "pairs.jsonl"


@pytest.mark.parametrize("write", [parquet, jsonl])
def test_pictures_are_read_from_a_file(write, tmp_path: Path) -> None:
    source = load_prompts(str(write(tmp_path)), shuffle=False)
    check_pictures(source, COLUMNS)
    good, bad = (np.asarray(opened(source.draw(0, 1)[0].columns[name])) for name in COLUMNS)
    assert good.mean() == 200
    assert bad.mean() <= 20


def test_a_stream_is_read_as_well(tmp_path: Path) -> None:
    check_pictures(load_prompts(str(jsonl(tmp_path)), streaming=True), COLUMNS)


def test_pictures_are_optional_where_nothing_reads_them() -> None:
    check_pictures(load_prompts("scenes"), ())


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    source = load_prompts(str(jsonl(tmp_path)))
    with pytest.raises(PromptError, match="'chosen' and 'better', and the prompts have 'prompt', 'chosen', 'rejected' alone"):
        check_pictures(source, ("chosen", "better"))


def test_a_missing_file_is_found_in_whatever_row(tmp_path: Path) -> None:
    source = load_prompts(str(jsonl(tmp_path, rejected="lost.png")), shuffle=False)
    with pytest.raises(PromptError, match=r"Row 2 of .* has 'lost.png' as rejected, which is no file .*1 of 4 rows"):
        check_pictures(source, COLUMNS)


def test_a_damaged_picture_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    file = jsonl(tmp_path)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(PromptError, match="bad.png' cannot be read"):
        check_pictures(load_prompts(str(file)), COLUMNS)
    table = datasets.Dataset.from_dict({"prompt": ["a"], "chosen": [{"bytes": b"no picture", "path": None}]})
    damaged = MapPrompts(table.cast_column("chosen", datasets.Image()), origin="the pairs")
    with pytest.raises(PromptError, match="the pairs cannot be read .*cannot identify image file"):
        check_pictures(damaged, ("chosen",))


def test_the_digest_of_held_out_prompts_is_that_of_their_pictures(tmp_path: Path) -> None:
    first, again = (load_prompts(str(parquet(tmp_path)), shuffle=False).draw(0, 4) for _ in range(2))
    assert first[0].columns["chosen"] is not again[0].columns["chosen"]
    assert prompts_digest(first) == prompts_digest(again)
    assert prompts_digest(first[:1]) != prompts_digest(first[1:2])


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (
            ["prompts.source=scenes"],
            "learns from pictures in the columns 'chosen' and 'rejected', and the prompts have 'prompt'",
        ),
        (["prompts.source=scenes-pairs", "sampling.group_size=4"], "set sampling.group_size to 2"),
    ],
)
def test_a_run_without_pairs_is_refused_before_weights_are_loaded(sets, says, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("genrl.run.load_policy", lambda *args: pytest.fail("weights were loaded"))
    config = resolve("diffusion-dpo", preset="none", sets=["run.device=cpu", *sets])
    with pytest.raises(GenrlError, match=says):
        build(config, tmp_path, reporter=None)
