"""Starting `faulty_server.py`, and the questions to ask it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tests.rewards.faulty_server import FAULTS, JUDGE_ONLY, POISON, SCORE_ONLY, score

__all__ = ["FAULTS", "JUDGE_ONLY", "SCORE_ONLY", "Server", "faulty", "pictures", "prompts", "score"]


@dataclass(frozen=True)
class Server:
    url: str
    process: subprocess.Popen[str]

    def stats(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{self.url}/stats", timeout=10) as answer:
            return json.load(answer)


@contextmanager
def faulty(faults: float = 0.0, stall: float = 1.0, seed: int = 0) -> Iterator[Server]:
    """A server process; it has ended, by our hand and no other, when the block is left."""
    script = Path(__file__).parent / "faulty_server.py"
    command = [sys.executable, str(script), f"--faults={faults}", f"--stall={stall}", f"--seed={seed}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}", process)
            assert process.poll() is None, "the server died"
        finally:
            process.terminate()


def prompts(numbers: range | list[int], poison: dict[int, str] | None = None) -> list[str]:
    """A prompt each; `poison` names the fault of a row that is never answered well."""
    return [f"row {n}{POISON}{poison[n]}" if poison and n in poison else f"row {n}" for n in numbers]


def pictures(numbers: range | list[int], frames: int | None = None) -> Tensor:
    """(B, 3, 8, 8), each of the colour that spells its number; or (B, frames, 3, 8, 8)."""
    colours = torch.tensor([[n % 256, n // 256 % 256, n // 65536] for n in numbers]) / 255
    flat = colours[:, :, None, None].expand(-1, -1, 8, 8)
    return flat if frames is None else flat[:, None].expand(-1, frames, -1, -1, -1)
