"""One clean and one broad batch, shared by the scorer's tests."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from genrl.scenes.drawing import broad_quality, draw
from genrl.scenes.grammar import all_prompts, describe, rows
from genrl.scenes.prompts import sample_rows


@dataclass(frozen=True)
class Drawn:
    """``prompts`` (N), their scene ``rows`` (N, 7), and ``pictures`` (N, 3, 32, 32)."""

    prompts: list[str]
    rows: np.ndarray
    pictures: Tensor


def _drawn(count: int, broad: bool) -> Drawn:
    rng = np.random.default_rng(11)
    wanted = sample_rows(rows(all_prompts()), count, rng)
    quality = broad_quality(count, rng) if broad else np.ones(count)
    return Drawn(describe(wanted), wanted, torch.from_numpy(draw(wanted, quality, rng)))


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def clean() -> Drawn:
    return _drawn(600, broad=False)


@pytest.fixture(scope="session")
def broad() -> Drawn:
    return _drawn(600, broad=True)
