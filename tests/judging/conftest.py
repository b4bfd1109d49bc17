"""Two finished runs on tiny models, shared by all tests of this folder, which only read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_runs import LORA, trained


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    own = {"evaluation.samples": 5, "evaluation.grid": 2}
    lora = trained(tmp_path_factory.mktemp("lora"), "sd3", **LORA, **own)
    full = trained(tmp_path_factory.mktemp("full"), "prx", **{"model.weights": "full"}, **own)
    return {"lora": lora, "full": full}
