"""The server and the client of examples/remote-reward work with the reward `remote`, and know nothing of genrl."""

from __future__ import annotations

import ast
import asyncio
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from genrl.errors import RewardError
from genrl.rewards import Remote

FOLDER = Path(__file__).parents[1] / "examples" / "remote-reward"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(FOLDER / "server.py"), str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def test_the_trainer_understands_the_server(url: str) -> None:
    reward = Remote(url=url, batch_size=3)
    reward.check()
    assert reward.health().name == "brightness"
    levels = torch.arange(7) / 255 * 40
    pictures = levels[:, None, None, None].expand(-1, 3, 8, 8)
    assert asyncio.run(reward(["a cat"] * 7, pictures)) == pytest.approx(levels.tolist())


def test_the_server_refuses_what_it_does_not_understand(url: str) -> None:
    with pytest.raises(RewardError, match="refuses the question .status 422"):
        asyncio.run(Remote(url=url, encoding="safetensors")(["a cat"], torch.rand(1, 3, 8, 8)))


def test_the_client_understands_the_server(url: str, tmp_path: Path) -> None:
    for name, level in [("dark.png", 51), ("light.png", 204)]:
        Image.new("RGB", (9, 5), (level, level, level)).save(tmp_path / name)
    command = [sys.executable, str(FOLDER / "client.py"), url, "a cat", "dark.png", "light.png"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=True)
    assert done.stdout.splitlines() == ["0.2 dark.png", "0.8 light.png"]


@pytest.mark.parametrize("name", ["server.py", "client.py"])
def test_they_need_the_standard_library_and_pillow_alone(name: str) -> None:
    source = (FOLDER / name).read_text()
    imported = {
        alias.name.split(".")[0] if isinstance(node, ast.Import) else str(node.module).split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= sys.stdlib_module_names | {"PIL"}
    assert "PIL" in imported
    code = [line for line in source.split('"""', 2)[2].splitlines() if line.strip()]
    assert len(code) <= 32
