"""A finished run of a tiny prompt writer on the embedded model, shared by the tests of this folder, which only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_writers import sets, train_prompter, write_requests, write_writer

TEXT_REWARD = '''
def short(completions, completion_ids, trainer_state, log_metric, **columns):
    """A length penalty as people write it for TRL: it knows nothing of pictures."""
    log_metric("longest", max(len(ids) for ids in completion_ids))
    assert set(columns["scene"]) and set(columns["request"]), "the columns of the request set arrive"
    return [-0.1 * len(ids) for ids in completion_ids]
'''


@pytest.fixture(scope="session")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_writer(tmp_path_factory.mktemp("writers") / "tiny")


@pytest.fixture(scope="session")
def requests_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_requests(tmp_path_factory.mktemp("requests") / "requests.jsonl")


@pytest.fixture(scope="session")
def told(writer: Path, requests_file: Path) -> list[str]:
    return ["--writer", str(writer), "--requests", str(requests_file), "--device", "cpu"]


@pytest.fixture(scope="session")
def run(told: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps with a reward of texts beside the pictures."""
    root = tmp_path_factory.mktemp("prompter")
    (root / "mine.py").write_text(TEXT_REWARD)
    extra = ["--text-reward", f"{root / 'mine.py'}:short=0.5", "--max-steps", "2", "--output", str(root / "run")]
    said = train_prompter(*told, *extra, *sets())
    (root / "run" / "said.txt").write_text(said)
    return root / "run"
