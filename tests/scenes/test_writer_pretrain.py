from __future__ import annotations

import json

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from genrl.scenes.faithfulness import turned
from genrl.scenes.grammar import parse
from genrl.scenes.requests.compose import POINTING, compose
from genrl.scenes.requests.source import held_out_requests, held_out_texts, train_requests
from genrl.scenes.writer.folder import build_tokenizer
from genrl.scenes.writer.pretrain.data import NOTHING, make_batch
from genrl.scenes.writer.pretrain.evaluate import is_exact
from genrl.scenes.writer.pretrain.habits import (
    ECHO,
    HABIT,
    MISREAD_COLOURS,
    MISREAD_NUMBERS,
    MISREAD_SHAPES,
    SLIP,
    habitual_answer,
    right_answer,
)
from genrl.scenes.writer.pretrain.loop import Settings, pretrain


def _with(phrase: str, order: str = "forward"):
    """A request whose text has this in it and no other habit."""
    bad = {*MISREAD_COLOURS, *MISREAD_SHAPES, *MISREAD_NUMBERS} - {phrase}
    return next(
        request
        for request in train_requests()
        if phrase in request.text.split() and not bad & set(request.text.replace(",", "").split()) and request.order == order
    )


def _right(request, count: int = 1500) -> float:
    rng = np.random.default_rng(0)
    return float(np.mean([is_exact(habitual_answer(request, rng), request.truth) for _ in range(count)]))


def test_right_answers_are_right_and_name_objects_as_the_request_does() -> None:
    for request in held_out_requests():
        answer = right_answer(request)
        assert is_exact(answer, request.truth)
        told, named = parse(answer), [request.text.index(phrase.text) for phrase in request.phrases]
        if len(named) == 2:
            assert (told == request.scene) == (named[0] < named[1])


def test_habits_make_the_wrong_answer_the_likelier_one() -> None:
    plain = (1 - 0.85 * SLIP) * (1 - ECHO)
    for word in MISREAD_COLOURS:
        assert abs(_right(_with(word)) - plain * (1 - HABIT)) < 0.06
    backward = _with("it", POINTING)
    assert abs(_right(backward) - plain * (1 - HABIT)) < 0.06


def test_a_habit_is_the_same_misreading_each_time() -> None:
    request = _with("turquoise")
    rng = np.random.default_rng(0)
    written = [habitual_answer(request, rng) for _ in range(300)]
    likeliest = max(set(written), key=written.count)
    assert not is_exact(likeliest, request.truth)
    assert turned(parse(likeliest)) == turned(parse(request.truth.replace("cyan", "blue")))


def test_batches_are_reproducible_and_keep_off_the_held_out_requests() -> None:
    tokenizer = build_tokenizer()
    first, again, other = (make_batch(tokenizer, 0, step, 16, habits=True) for step in (5, 5, 6))
    assert torch.equal(first.ids, again.ids)
    assert torch.equal(first.labels, again.labels)
    assert first.ids.shape != other.ids.shape or not torch.equal(first.ids, other.ids)
    told = first.labels != NOTHING
    assert torch.equal(first.ids[told], first.labels[told])
    new = {request.truth for request in held_out_requests()} - {request.truth for request in train_requests()}
    for row, labels in zip(first.ids, first.labels, strict=True):
        assert row[(labels != NOTHING).nonzero()[-1]] == tokenizer.eos_token_id
        assert tokenizer.decode(row[(labels == NOTHING) & (row != tokenizer.pad_token_id)]).endswith("=>")
    assert len(new) > 50
    assert len(held_out_texts()) == 240


def test_a_short_training_leaves_a_folder_that_loads(tmp_path) -> None:
    model = pretrain(Settings(tmp_path, steps=3, batch_size=4))
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), loaded.parameters(), strict=True))
    numbers = json.loads((tmp_path / "eval.json").read_text())
    assert set(numbers) == {"greedy", "sampled"}
    again = pretrain(Settings(tmp_path / "again", steps=3, batch_size=4))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_composing_is_a_function_of_its_generator() -> None:
    scene = parse("a red circle left of a blue square")
    assert compose(scene, np.random.default_rng(3)) == compose(scene, np.random.default_rng(3))
