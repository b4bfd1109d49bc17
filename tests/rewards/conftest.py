import pytest
import torch

from genrl import registry
from genrl.types import Prompt


@pytest.fixture(autouse=True)
def only_rewards(monkeypatch):
    """See the rewards that this package ships and no others."""
    monkeypatch.setattr(registry, "BUILTINS", ("genrl.rewards",))
    monkeypatch.setattr(registry, "_loaded", [])


@pytest.fixture
def prompts():
    return [Prompt("a cat", {"answer": "x"}, 0), Prompt("a dog", {"answer": "y", "tag": 7}, 1), Prompt("a cat", {}, 2)]


@pytest.fixture
def images():
    return torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
