"""A benchmark of the embedded model with the clock replaced: what it counts, asks and writes. No time is asserted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from genrl.bench.loop import stubbed
from genrl.bench.recording import recorded, replay
from genrl.bench.workloads import configured, loaded
from genrl.cli.app import app
from genrl.run import build
from genrl.trainer import Trainer

SMALL = ["train.prompts_per_iteration=1", "sampling.group_size=4", "sampling.steps=3", "train.rows=4"]
#: Seconds that an iteration and its bare calls are said to take.
WHOLE, BARE = 1.1, 1.0


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    config, _ = configured("scenes", None, SMALL, "cpu")
    return build(config, tmp_path_factory.mktemp("run"), None, loaded(config))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few repetitions, and a clock that knows an iteration from its calls by their order."""
    for name, value in {"loop.ITERATIONS": 2, "loop.WARM_UPS": 1, "overhead.PAIRS": 6, "overhead.WARM_UPS": 0}.items():
        monkeypatch.setattr(f"genrl.bench.{name}", value)
    order = iter([WHOLE, BARE, BARE, WHOLE] * 3)

    def seconds(work: Callable[[], Any], device: torch.device) -> float:
        work()
        return next(order)

    monkeypatch.setattr("genrl.bench.overhead.seconds", seconds)
    yield


def test_a_replay_asks_for_what_the_iteration_asked_for(trainer: Trainer) -> None:
    with recorded(trainer.policy) as calls:
        row = trainer.iterate(0)
    rows = Counter[str]()
    for call in calls:
        rows[call_kind(call)] += len(call.kwargs["hidden_states"])
    assert rows == {kind: row[kind] for kind in ("forwards", "reference_forwards", "backwards")}
    before = trainer.policy.counts.copy()
    with recorded(trainer.policy) as again:
        replay(trainer.policy, calls, nullcontext)
    assert sorted(map(call_kind, again)) == sorted(map(call_kind, calls))
    assert trainer.policy.counts == before
    assert all(parameter.grad is not None for parameter in trainer.policy.parameters())
    trainer.optimization.optimizer.zero_grad()


def call_kind(call: Any) -> str:
    return "backwards" if call.differentiable else "forwards" if call.weights == "current" else f"{call.weights}_forwards"


def test_stubbed_networks_are_not_asked_and_come_back(trainer: Trainer) -> None:
    (network,) = trainer.policy.model.networks.values()
    with stubbed(trainer.policy):
        counted = trainer.iterate(0)
        for block in network.blocks:
            block.register_forward_pre_hook(forbidden)
        assert trainer.iterate(0)["backwards"] == counted["backwards"] > 0
        assert trainer.iterate(0)["grad_norm"] > 0.0
    assert "forward" not in vars(network)
    with pytest.raises(AssertionError, match="asked"):
        trainer.iterate(0)
    for block in network.blocks:
        block._forward_pre_hooks.clear()


def forbidden(*_: Any) -> None:
    raise AssertionError("a stubbed network was asked")


def test_benchmark_from_the_command_line(short: None, tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    sets = [word for setting in SMALL for word in ("--set", setting)]
    result = CliRunner().invoke(app, ["bench", "--device", "cpu", *sets, "--json", str(path)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    for part in ("16 samples x 4 steps", "of scenes: 6 pairs", "1.100 (1.100 to 1.100)", "at most 1.10", "a denoising step"):
        assert part in result.stdout
    assert result.stdout.count("✓") == len(json.loads(path.read_text())["counts"])
    check_schema(json.loads(path.read_text()))


def check_schema(found: dict[str, Any]) -> None:
    assert set(found) == {
        "model", "algorithm", "device", "threads", "load", "environment", "loop", "counts", "calls", "overhead", "gpu",
    }  # fmt: skip
    assert (found["model"], found["algorithm"], found["device"], found["gpu"]) == ("scenes", "neighbor-grpo", "cpu", None)
    assert set(found["loop"]) == {
        "samples", "steps", "rows", "passes", "own", "rollout", "learn", "rest", "outside", "per_step", "per_pass",
    }  # fmt: skip
    assert found["loop"]["samples"] == 16
    assert set(found["loop"]["own"]) == {"low", "median", "high"}
    # 3 steps, one of two trained, 4 anchors: forward, reference, and forward with backward.
    counts = {name: number["counted"] for name, number in found["counts"].items()}
    assert {name: number["asked"] for name, number in found["counts"].items()} == counts
    assert {name: counts[name] for name in ("forwards", "reference_forwards", "backwards", "decodes", "encodes")} == {
        "forwards": 12,
        "reference_forwards": 4,
        "backwards": 4,
        "decodes": 4,
        "encodes": 1,
    }
    overhead = found["overhead"]
    assert set(overhead) == {"ratio", "pairs", "discarded", "parts", "whole", "bare", "target"}
    assert (overhead["whole"], overhead["bare"], overhead["discarded"], overhead["target"]) == (WHOLE, BARE, 0, 1.1)
    assert set(overhead["parts"]) == {"rollout", "decode", "reward", "learn"}
    assert overhead["pairs"] == [{"whole": WHOLE, "bare": BARE}] * 6


def test_a_noisy_machine_gets_a_sentence_and_no_file(short: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    times = iter([1.0, 1.0, 1.0, 1.4] * 3)
    monkeypatch.setattr("genrl.bench.overhead.seconds", lambda work, device: next(times))
    path = tmp_path / "bench.json"
    sets = [word for setting in SMALL for word in ("--set", setting)]
    result = CliRunner().invoke(app, ["bench", "--device", "cpu", *sets, "--json", str(path)])
    assert result.exit_code == 2
    assert "Too noisy" in result.output
    assert not path.exists()
    assert "ratio" not in result.stdout


def test_unknown_names_are_refused_before_anything_is_built() -> None:
    for arguments, said in ((["--model", "sd3-30"], "did you mean 'sd3-30m'?"), (["--algo", "neighbour"], "did you mean")):
        result = CliRunner().invoke(app, ["bench", *arguments], env={"COLUMNS": "200"})
        assert result.exit_code == 2
        assert said in result.output
