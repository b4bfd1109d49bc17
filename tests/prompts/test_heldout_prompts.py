"""Held-out prompts are distinct and never trained on."""

import pytest
from datasets import Dataset

from genrl.errors import PromptError
from genrl.prompts import (
    MapPrompts,
    StreamingPrompts,
    check_disjoint,
    load_heldout,
    split_heldout,
    train_and_heldout,
)


def table(*texts):
    return MapPrompts(Dataset.from_list([{"prompt": text, "row": row} for row, text in enumerate(texts)]))


def rows(prompts):
    return [{"prompt": text} for text in prompts]


def test_shared_prompts_are_named_up_to_three():
    train, heldout = table("A  cat", "b", "c", "d", "e"), table("a cat", "B", "c", "d", "z")
    with pytest.raises(PromptError, match=r"4 held-out prompts are .*'A  cat', 'b', 'c', \.\.\."):
        check_disjoint(train, heldout)
    with pytest.raises(PromptError, match=r"1 held-out prompt is among the training prompts: 'b'. "):
        check_disjoint(train, table("b"))
    assert check_disjoint(train, table("f")) is train


def test_streams_are_checked_as_they_are_drawn():
    stream = StreamingPrompts(table("a", "b", "c").rows.to_iterable_dataset(), shuffle=False)
    checked = check_disjoint(stream, table("c"))
    assert [p.text for p in checked.draw(0, 2)] == ["a", "b"]
    with pytest.raises(PromptError, match=r"'c'"):
        checked.draw(1, 2)


@pytest.mark.parametrize("size", [{"count": 3}, {"fraction": 0.5}])
def test_split_divides_texts(size):
    source = table("a", "b", "a", "c", "d", "e", "A ", "f")
    train, heldout = split_heldout(source, seed=1, **size)
    held = heldout.texts()
    names = {text.strip().casefold() for text in held}
    assert len(held) == len(names) == 3
    assert train.texts() == [text for text in source.texts() if text.strip().casefold() not in names]
    assert check_disjoint(train, heldout) is train
    again = split_heldout(source, seed=1, **size)[1]
    assert again.texts() == held == [p.text for p in heldout.draw(0, 3)]
    assert {tuple(split_heldout(source, seed=seed, **size)[1].texts()) for seed in range(8)} != {tuple(held)}
    assert heldout.draw(0, 1)[0].columns["row"] == source.texts().index(held[0])


@pytest.mark.parametrize("size", [{"count": 0}, {"count": 2}, {"fraction": 1.0}, {}, {"count": 1, "fraction": 0.5}])
def test_impossible_splits(size):
    with pytest.raises(PromptError, match=r"h(o|e)ld out"):
        split_heldout(table("a", "a", "b"), **size)


def test_heldout_split_of_a_directory_is_taken(tmp_path, jsonl):
    jsonl(rows("abc"), "data/train.jsonl")
    jsonl(rows("xyx"), "data/test.jsonl")
    train, heldout = train_and_heldout(str(tmp_path / "data"), count=1)
    assert (sorted(train.texts()), sorted(heldout.texts())) == (["a", "b", "c"], ["x", "y"])


def test_heldout_file_is_taken_whole(jsonl):
    train, heldout = train_and_heldout(jsonl(rows("abc")), jsonl(rows("xyz"), "other.jsonl"), count=1, streaming=True)
    assert len(heldout) == 3
    assert sorted(p.text for p in train.draw(0, 3)) == ["a", "b", "c"]
    with pytest.raises(PromptError, match=r"'c'"):
        train_and_heldout(jsonl(rows("abc")), jsonl(rows("cd"), "other.jsonl"), count=1)


def test_without_a_heldout_split_texts_are_set_aside(jsonl):
    train, heldout = train_and_heldout(jsonl(rows("abcd")), count=1)
    assert len(heldout) == 1
    assert sorted(train.texts() + heldout.texts()) == ["a", "b", "c", "d"]
    with pytest.raises(PromptError, match=r"a stream cannot be divided"):
        train_and_heldout(jsonl(rows("abcd")), count=1, streaming=True)


def test_several_splits_none_of_them_heldout(monkeypatch):
    import datasets

    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda path, revision: ["train", "extra"])
    with pytest.raises(PromptError, match=r"splits train, extra, none of which"):
        load_heldout("owner/name")
