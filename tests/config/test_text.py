"""YAML as people mean it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from genrl.config.text import dump, parse, read_mapping
from genrl.errors import ConfigError

MEANT = [
    ("1e-5", 1e-5),
    ("-2E+3", -2000.0),
    (".5", 0.5),
    ("3", 3),
    ("-3", -3),
    ("no", "no"),
    ("on", "on"),
    ("true", True),
    ("False", False),
    ("null", None),
    ("", None),
    ("~", None),
    ("1:30", "1:30"),
    ("010", "010"),
    ("2024-01-02", "2024-01-02"),
    (".inf", float("inf")),
    ("1e", "1e"),
    ("[0.9, 1e-2]", [0.9, 0.01]),
    ("{name: heun}", {"name": "heun"}),
]


@pytest.mark.parametrize(("text", "value"), MEANT)
def test_parse(text: str, value: Any) -> None:
    found = parse(text, "here")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("value", [*(text for text, _ in MEANT), "yes", "=", "a: b", "# x", "1_000", "0x1f", "ü", " x"])
def test_text_survives_dumping_for_this_reader_and_any_other(value: str) -> None:
    text = dump({"key": value})
    assert parse(text, "here") == {"key": value}
    assert yaml.safe_load(text) == {"key": value}


@pytest.mark.parametrize("value", [1e-5, 5e-05, 0.1, 3.0, 1e22, float("inf"), True, None, 7, [], {}, [0.9, None]])
def test_values_survive_dumping(value: Any) -> None:
    assert parse(dump({"key": value}), "here") == {"key": value}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("train: {max_steps: 1", "run.yaml is not valid YAML, line 1"),
        ("seed: 1\nseed: 2", "run.yaml: The key 'seed' is given twice (line 2); keep one."),
        ("train:\n  rows: 1\n  rows: 2", "run.yaml: The key 'rows' is given twice (line 3); keep one."),
        ("x: !!python/object:os.system 1", "run.yaml is not valid YAML"),
    ],
)
def test_refuses_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "run.yaml")
    assert str(caught.value).startswith(sentence)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    with pytest.raises(ConfigError, match="There is no configuration file"):
        read_mapping(path)
    path.write_text("# nothing but a comment\n")
    assert read_mapping(path) == {}
    path.write_text("- a\n")
    with pytest.raises(ConfigError, match="must hold a mapping"):
        read_mapping(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_mapping(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_mapping(tmp_path)
