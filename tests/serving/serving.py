"""A served reward on a real socket, and raw requests to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrl.serving import Limits, RewardService
from genrl.serving.app import build_app
from genrl.serving.server import address, listen, server

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Served:
    url: str

    def request(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a GET, or of a POST of `body`: bytes as they are, anything else as JSON."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | (headers or {})
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error) | ({"after": error.headers["Retry-After"]} if error.code == 503 else {})


@contextmanager
def served(
    reward: str, options: Mapping[str, Any] | None = None, limits: Limits | None = None, key: str = ""
) -> Iterator[Served]:
    """The reward behind a socket, in a thread of this process."""
    running = server(build_app(RewardService.of(reward, options, limits), key), log_level="error")
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Served(address(listener))
        finally:
            running.should_exit = True
            thread.join()


@contextmanager
def served_apart(*arguments: str, folder: Path, **environment: str) -> Iterator[tuple[Served, subprocess.Popen[str], str]]:
    """`genrl serve-reward ARGUMENTS` in a process of its own, on a free port, called from `folder`; and what it printed."""
    command = [sys.executable, "-m", "genrl", "serve-reward", *arguments, "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTHONUNBUFFERED": "1"} | environment
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, cwd=folder, env=environment, **pipes) as process:
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if found := re.search(r"options\.url=(http://\S+)", line):
                    yield Served(found[1]), process, said
                    break
            else:
                raise AssertionError(f"it did not start: {said}")
        finally:
            process.send_signal(signal.SIGTERM)
