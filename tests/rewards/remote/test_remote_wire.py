"""The published schema is that of the models, and both take what is valid and refuse what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

import genrl.rewards.remote
from genrl.rewards.remote.wire import Failure, Health, ScoreAnswer, ScoreRequest, json_schema

SCHEMA = Path(genrl.rewards.remote.__file__).parent / "schema.json"


def test_the_schema_is_that_of_the_models() -> None:
    """After a change: python -c 'from genrl.rewards.remote.wire import *; print(json_schema(), end="")' > schema.json"""
    assert SCHEMA.read_text() == json_schema()


def test_the_schema_names_every_message_and_field() -> None:
    found = json.loads(SCHEMA.read_text())["$defs"]
    for model in (ScoreRequest, ScoreAnswer, Health):
        assert set(found[model.__name__]["properties"]) == set(model.model_fields)
    assert found["ScoreAnswer"]["properties"]["scores"]["items"]["anyOf"] == [
        {"type": "number"},
        {"$ref": "#/$defs/Failure"},
        {"type": "null"},
    ]


def test_the_shortest_messages() -> None:
    request = ScoreRequest.model_validate_json('{"encoding": "png", "samples": [{"prompt": "a cat", "image": ""}]}')
    assert request.samples[0].columns == {}
    assert ScoreAnswer.model_validate_json('{"scores": [1, 0.5, null, {"failed": "x"}]}').scores == [
        1.0,
        0.5,
        None,
        Failure(failed="x"),
    ]
    assert Health.model_validate_json('{"name": "x", "max_batch": 1, "later": "unknown"}').bounds is None


@pytest.mark.parametrize(
    "scores",
    ["[true]", '["1"]', "[NaN]", "[-Infinity]", "[1e999]", "[[1]]", '[{"failed": 1}]', "[{}]", "{}", "null", "1"],
)
def test_what_is_no_answer(scores: str) -> None:
    with pytest.raises(ValidationError):
        ScoreAnswer.model_validate_json(f'{{"scores": {scores}}}')


@pytest.mark.parametrize("version", ["0", "2", "1.5", '"1"', "null"])
def test_another_version_is_another_language(version: str) -> None:
    with pytest.raises(ValidationError):
        ScoreAnswer.model_validate_json(f'{{"scores": [1], "schema_version": {version}}}')
