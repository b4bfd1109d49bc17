"""The shipped writer is a small, ordinary causal language model that errs on purpose."""

from __future__ import annotations

import json

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from genrl.scenes.grammar import parse
from genrl.scenes.requests.source import held_out_requests
from genrl.scenes.writer import WRITER_FOLDER
from genrl.scenes.writer.folder import MAX_NEW_TOKENS, MAX_TOKENS, RECORD, TEMPLATE
from genrl.scenes.writer.pretrain.evaluate import evaluate, is_exact, write


@pytest.fixture(scope="module")
def writer():
    return AutoModelForCausalLM.from_pretrained(WRITER_FOLDER), AutoTokenizer.from_pretrained(WRITER_FOLDER)


def test_the_shipped_folder_is_small_and_safe() -> None:
    files = [file for file in WRITER_FOLDER.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 4e6
    assert {file.suffix for file in files} == {".json", ".safetensors"}
    assert json.loads((WRITER_FOLDER / RECORD).read_text()) == {"template": TEMPLATE, "max_new_tokens": MAX_NEW_TOKENS}


def test_the_tokenizer_fits_what_trains_language_models(writer) -> None:
    model, tokenizer = writer
    assert None not in (tokenizer.pad_token_id, tokenizer.eos_token_id)
    assert model.config.vocab_size == len(tokenizer)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    asked = [TEMPLATE.replace("{request}", request.text) for request in held_out_requests()]
    ids = tokenizer(asked)["input_ids"]
    assert all(tokenizer.unk_token_id not in row for row in ids)
    assert max(map(len, ids)) + MAX_NEW_TOKENS <= MAX_TOKENS
    assert tokenizer.decode(tokenizer("I'd like A red circle, =>")["input_ids"]) == "i ' d like a red circle , =>"


def test_the_shipped_writer_is_able_but_imperfect(writer) -> None:
    shares = evaluate(*writer)
    assert 0.5 < shares["greedy"] < 0.65
    assert 0.4 < shares["sampled"] < 0.65


def test_it_writes_sentences_that_the_flow_model_knows(writer) -> None:
    written = write(*writer, [request.text for request in held_out_requests()])
    known = 0
    for text in written:
        try:
            known += bool(parse(text))
        except ValueError:
            continue
    assert known > 0.9 * len(written)


def test_sampling_explores(writer) -> None:
    """Of eight samples at temperature 1 most requests get right and wrong ones, so that a group has something to compare."""
    requests = held_out_requests()[:60]
    texts = [request.text for request in requests]
    exact = [
        [is_exact(text, request.truth) for text, request in zip(write(*writer, texts, 1.0, seed), requests, strict=True)]
        for seed in range(8)
    ]
    right = [sum(column) for column in zip(*exact, strict=True)]
    assert sum(0 < count < 8 for count in right) > 0.6 * len(right)
