"""Runs in processes that are killed, and what two run folders have to have in common."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from genrl import checkpoint
from genrl.config import RunConfig
from genrl.files import DRAFT
from genrl.run import start

#: Audit events of CPython before an operation on a file.
OPERATIONS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}
#: Metrics that tell of the process and not of the run: its time, and the texts that it had not encoded yet.
OWN = {"step_time", "rewards/wait", "rewards/wait_share", "encodes"}


class Child:
    """`start(config, resume)` in a forked process; what it prints is appended to a file beside its run's folder.

    die_before: the number of the operation on the run's files before which it kills itself, 0 for none.
    """

    def __init__(self, config: RunConfig, resume: bool, die_before: int = 0) -> None:
        self.folder = Path(config.run.output)
        self.log, self.counted = (self.folder.with_suffix(suffix) for suffix in (".log", ".operations"))
        self.status: int | None = None
        self.seconds, self._began = 0.0, time.perf_counter()
        self.pid = os.fork()
        if self.pid == 0:
            self._live(config, resume, die_before)

    def _live(self, config: RunConfig, resume: bool, die_before: int) -> None:
        seen = 0

        def before(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen
            if event in OPERATIONS and str(arguments[0]).startswith(str(self.folder)):
                seen += 1
                if seen == die_before:
                    os.kill(os.getpid(), signal.SIGKILL)

        status = 1
        try:
            with self.log.open("a") as log:
                os.dup2(log.fileno(), 1), os.dup2(log.fileno(), 2)
            sys.addaudithook(before)
            status = start(config, resume)
            self.counted.write_text(str(seen))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(status)

    @property
    def running(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status, self.seconds = os.waitstatus_to_exitcode(status), time.perf_counter() - self._began
        return self.status is None

    def wait(self) -> int:
        """Its exit status; -9 if it was killed."""
        while self.running:
            time.sleep(0.001)
        assert self.status is not None
        return self.status

    def kill_after(self, seconds: float) -> None:
        """Unless it ends before."""
        until = time.perf_counter() + seconds
        while self.running and time.perf_counter() < until:
            time.sleep(0.0005)
        self._kill()

    def kill_while_it_saves(self, which: int, rng: random.Random) -> None:
        """A few milliseconds after the draft of its `which`-th checkpoint has appeared."""
        seen: set[str] = set()
        while self.running and len(seen) < which:
            seen |= {path.name for path in (self.folder / "checkpoints").glob(f"{DRAFT}checkpoint-*")}
        time.sleep(rng.uniform(0.0, 0.02))
        self._kill()

    def _kill(self) -> None:
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
        self.wait()


def differences(one: Path, other: Path) -> list[str]:
    """What tells two finished runs apart beside their clocks and their folders: files by name."""
    found = [name for name in ("metrics.jsonl", "samples.jsonl", "alarms.jsonl") if _rows(one / name) != _rows(other / name)]
    patterns = ("evaluations/step-*.json", "grids/step-*.png")
    names = {path.relative_to(run) for run in (one, other) for pattern in patterns for path in run.glob(pattern)}
    found += [name.as_posix() for name in sorted(names) if _bytes(one / name) != _bytes(other / name)]
    weights = {path.relative_to(run) for run in (one, other) for path in run.glob("model/**/*.safetensors")}
    found += [name.as_posix() for name in sorted(weights) if not _same_tensors(one / name, other / name)]
    last = checkpoint.found(other / "checkpoints")[-1]
    return found if same_checkpoint(one / "checkpoints" / last.name, last) else [*found, last.name]


def same_checkpoint(one: Path, other: Path) -> bool:
    """Whether two checkpoints hold the same numbers, to the last bit."""
    names = {path.name for folder in (one, other) for path in folder.glob("*.safetensors")}
    states = [checkpoint.read_state(folder) for folder in (one, other) if folder.is_dir()]
    return states[1:] == states[:1] and all(_same_tensors(one / name, other / name) for name in names)


def _same_tensors(one: Path, other: Path) -> bool:
    if not (one.exists() and other.exists()):
        return False
    mine, theirs = load_file(one), load_file(other)
    return mine.keys() == theirs.keys() and all(mine[name].equal(theirs[name]) for name in mine)


def damage(folder: Path, rng: random.Random) -> None:
    """Do to one file of a checkpoint what disks and people do: flip a bit, cut it short, or remove it."""
    path = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    content, kind = path.read_bytes(), rng.choice(["flip", "cut", "remove"])
    place = rng.randrange(len(content))
    if kind == "flip":
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :])
    elif kind == "cut":
        path.write_bytes(content[:place])
    else:
        path.unlink()


def _rows(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [
        {key: value for key, value in json.loads(line).items() if key not in OWN and not key.endswith("/seconds")}
        for line in lines
    ]


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
