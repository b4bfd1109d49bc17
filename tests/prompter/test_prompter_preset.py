"""The embedded writer has a name and settings of its own, which no other writer gets."""

from __future__ import annotations

import pytest

from genrl.prompter.asking import Asking
from genrl.prompter.config import resolve_prompter
from genrl.prompter.language_model import asking_of, check_language_model, load_language_model, max_new_tokens
from genrl.prompter.settings import WriterSettings
from genrl.prompter.together_config import resolve_together
from genrl.prompter.writer import Writer
from genrl.scenes.requests.source import held_out_requests
from genrl.scenes.writer.pretrain.evaluate import is_exact, write


def test_the_embedded_writer_is_asked_as_it_was_trained() -> None:
    settings = WriterSettings(path="scenes")
    tokenizer = check_language_model(settings)
    assert asking_of(settings, tokenizer) == Asking("{request} =>")
    assert max_new_tokens(settings) == 12


def test_it_writes_here_what_it_writes_alone() -> None:
    settings = WriterSettings(path="scenes")
    model, tokenizer = load_language_model(settings).eval(), check_language_model(settings)
    requests = held_out_requests()[:40]
    texts = [request.text for request in requests]
    written = Writer(model, tokenizer, asking_of(settings, tokenizer), max_new_tokens(settings))(texts)
    assert written == write(model, tokenizer, texts)
    assert sum(is_exact(text, request.truth) for text, request in zip(written, requests, strict=True)) > 15


@pytest.mark.parametrize("resolve", [resolve_prompter, lambda **asked: resolve_together(**asked).prompter])
def test_its_preset_is_below_everything_that_was_said(resolve) -> None:
    preset = resolve(flags={"writer.path": "scenes"})
    assert preset.flow.prompts.source == "scenes-requests"
    assert preset.writer.weights == "full"
    assert preset.grpo["max_completion_length"] == 12
    said = ["grpo.max_steps=3", "writer.pictures=2", "evaluation.samples=12"]
    asked = resolve(config={"writer": {"path": "scenes"}}, sets=said, flags={"prompts.source": "scenes"})
    assert (asked.grpo["max_steps"], asked.writer.pictures, asked.flow.evaluation.samples) == (3, 2, 12)
    assert asked.flow.prompts.source == "scenes"
    assert asked.grpo["scale_rewards"] == preset.grpo["scale_rewards"] == "batch"


@pytest.mark.parametrize("resolve", [resolve_prompter, lambda **asked: resolve_together(**asked).prompter])
def test_another_writer_gets_none_of_it(resolve) -> None:
    other = resolve(flags={"writer.path": "owner/small-lm"})
    assert other.grpo == {}
    assert other.writer.weights == "lora"
    assert other.flow.prompts.source == "scenes"
