from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

import pytest

from tests.tiny_pipelines import build


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """Settings that name the folder of a family's tiny pipeline, how it is called, and prompts."""
    root = tmp_path_factory.mktemp("tiny")
    (root / "prompts.txt").write_text("a red cat\na blue dog\n")

    @cache
    def settings(family: str) -> list[str]:
        tiny = build(family)
        tiny.pipe.save_pretrained(root / family)
        call = [f"model.call.{name}={json.dumps(value)}" for name, value in tiny.call.items()]
        prompts = [f"prompts.source={root / 'prompts.txt'}", "prompts.heldout_count=1"]
        return [f"model.path={root / family}", *prompts, *call]

    return settings
