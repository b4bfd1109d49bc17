"""The endless order is a function of the seed and the position, whatever was drawn before."""

from collections import Counter

import pytest
from datasets import Dataset, IterableDataset

from genrl.errors import PromptError
from genrl.prompts import MapPrompts, StreamingPrompts

TABLE = Dataset.from_list([{"prompt": f"p{k}", "k": k} for k in range(10)])


def source(streaming, seed=0, shuffle=True):
    if streaming:
        return StreamingPrompts(TABLE.to_iterable_dataset(), seed=seed, shuffle=shuffle, buffer=4)
    return MapPrompts(TABLE, seed=seed, shuffle=shuffle)


def texts(prompts):
    return [prompt.text for prompt in prompts]


@pytest.fixture(params=[False, True], ids=["map", "stream"])
def streaming(request):
    return request.param


def test_resuming_gives_the_tail(streaming):
    whole = source(streaming).draw(0, 8)
    assert source(streaming).draw(5, 3) == whole[5:]


def test_draws_do_not_depend_on_each_other(streaming):
    whole = source(streaming).draw(0, 45)
    again = source(streaming)
    for start, count in [(0, 2), (2, 5), (30, 4), (31, 1), (9, 3), (44, 1), (9, 12), (21, 0), (21, 2)]:
        assert again.draw(start, count) == whole[start : start + count]


def test_every_epoch_has_every_row_in_its_own_order(streaming):
    drawn = source(streaming).draw(0, 30)
    epochs = [texts(drawn[k : k + 10]) for k in (0, 10, 20)]
    assert all(Counter(epoch) == Counter(TABLE["prompt"]) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert [prompt.index for prompt in drawn] == list(range(30))
    assert all(prompt.columns == {"k": int(prompt.text[1:])} for prompt in drawn)


def test_seeds_and_plain_order(streaming):
    assert texts(source(streaming, seed=1).draw(0, 10)) != texts(source(streaming, seed=2).draw(0, 10))
    assert texts(source(streaming, shuffle=False).draw(8, 4)) == ["p8", "p9", "p0", "p1"]


def test_a_failed_draw_does_not_move_the_stream():
    rows = Dataset.from_list([{"prompt": text} for text in ("a", "b", "", "d")]).to_iterable_dataset()
    stream = StreamingPrompts(rows, shuffle=False)
    assert texts(stream.draw(0, 2)) == ["a", "b"]
    with pytest.raises(PromptError, match="Row 3"):
        stream.draw(1, 3)
    assert texts(stream.draw(3, 2)) == ["d", "a"]


def test_empty_tables_are_refused():
    with pytest.raises(PromptError, match="no rows"):
        MapPrompts(Dataset.from_dict({"prompt": []}))
    with pytest.raises(PromptError, match="no rows"):
        StreamingPrompts(IterableDataset.from_generator(lambda: iter(())))
