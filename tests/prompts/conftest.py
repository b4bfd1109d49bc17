import json

import pytest

from genrl import registry


@pytest.fixture(autouse=True)
def only_prompts(monkeypatch, tmp_path_factory):
    """Start with an empty registry; keep the cache of `datasets` out of the home folder and its counter off the net."""
    import datasets

    monkeypatch.setattr(registry, "_loaded", [True])
    monkeypatch.setattr(registry, "_tables", {})
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", False)


@pytest.fixture
def jsonl(tmp_path):
    """Write rows to a file, give its path."""

    def write(rows, name="prompts.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return write
