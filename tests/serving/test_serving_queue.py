"""Who waits, who is told to come back, and how many are scored side by side."""

from __future__ import annotations

import time
from base64 import b64encode
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import torch

from genrl.rewards import resolve_reward
from genrl.rewards.transport.pictures import encoded
from genrl.serving import Limits
from tests.serving.serving import served

PICTURE = b64encode(encoded(torch.zeros(3, 4, 4), "png")).decode()
BODY = {"encoding": "png", "samples": [{"prompt": "a cat", "image": PICTURE}]}

PATIENT = """
import threading

go, lock, counts = threading.Event(), threading.Lock(), {"now": 0, "most": 0}


def patient(prompts, completions):
    with lock:
        counts["now"] += 1
        counts["most"] = max(counts.values())
    assert go.wait(30)
    with lock:
        counts["now"] -= 1
    return [0.5] * len(prompts)
"""


@pytest.mark.parametrize(("concurrency", "waiting"), [(1, 2), (2, 1)])
def test_places(concurrency: int, waiting: int, tmp_path: Path) -> None:
    """Of four requests three find a place, and so many of them as allowed are scored at once."""
    (tmp_path / "patient.py").write_text(PATIENT)
    name = f"{tmp_path / 'patient.py'}:patient"
    shared = resolve_reward(name).function.__globals__
    with (
        served(name, limits=Limits(concurrency=concurrency, waiting=waiting)) as server,
        ThreadPoolExecutor(4) as clients,
    ):
        asked = {clients.submit(server.request, "/score", BODY) for _ in range(4)}
        (turned_away,), waiting_ones = wait(asked, timeout=30, return_when=FIRST_COMPLETED)
        while shared["counts"]["now"] < concurrency:
            time.sleep(0.01)
        shared["go"].set()
        assert turned_away.result() == (503, {"error": "Too many requests are waiting; come back in a moment.", "after": "1"})
        assert [answer.result() for answer in waiting_ones] == [(200, {"schema_version": 1, "scores": [0.5]})] * 3
    assert shared["counts"] == {"now": 0, "most": concurrency}
