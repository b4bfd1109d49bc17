"""What can go wrong in a run: each time, what the user is told and what survives. docs/durability.md is the table of it."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from genrl import checkpoint
from genrl.config import resolve, to_yaml
from genrl.errors import CheckpointError, RewardError, RunFolderError, TrainingError
from genrl.interrupt import Interrupt
from genrl.models.rows import Rows
from genrl.report.folder import read_run
from genrl.reporting import RunReporter
from genrl.rewards import RewardPanel, RewardTerm
from genrl.run import build
from genrl.trainer import Trainer
from tests.full_disk import disk_with_room_for

STEPS, PROMPTS, GROUP = 3, 2, 4
SETS = [
    "run.device=cpu",
    "run.threads=1",
    "run.save_steps=1",
    f"train.max_steps={STEPS}",
    f"train.prompts_per_iteration={PROMPTS}",
    "train.ema_decay=0",
    "train.rows=4",
    "train.max_bad_updates=3",
    f"sampling.group_size={GROUP}",
    "sampling.steps=2",
    "steps.fraction=1.0",
    "update_every=rollout",
    "evaluation.samples=2",
    "evaluation.every=0",
    "prompts.heldout_count=2",
]


@cache
def base() -> Trainer:
    return build(resolve("dance-grpo", preset="none", sets=SETS), Path("unused"), None)


class Run:
    """A run of three iterations from the same weights each time, what it has said, and its checkpoints."""

    def __init__(self, folder: Path, reward: Callable[..., Any], **changes: Any) -> None:
        self.folder, self.screen = folder, io.StringIO()
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text(to_yaml(resolve("dance-grpo", preset="none", sets=SETS)))
        start = {name: value.clone() for name, value in base_weights().items()}
        base().policy.load_weight_set("current", start)
        reporter = RunReporter(folder, "dance-grpo", STEPS, Console(file=self.screen, width=300))
        evaluator = replace(base().evaluator, prompts=base().evaluator.prompts[:2])
        panel = RewardPanel([RewardTerm("bright", reward)], folder / "failures")
        self.trainer = replace(base(), rewards=panel, folder=folder, reporter=reporter, evaluator=evaluator, **changes)

    def fit(self, stop: Callable[[], bool] = lambda: False) -> None:
        self.trainer.fit(stop)

    @property
    def said(self) -> str:
        return " ".join(self.screen.getvalue().split())

    @property
    def kept(self) -> list[int]:
        return [checkpoint.step_of(folder) for folder in checkpoint.found(self.folder / "checkpoints")]

    @property
    def weights(self) -> list[torch.Tensor]:
        return [parameter.detach().clone() for parameter in self.trainer.policy.parameters()]

    @property
    def go_on(self) -> str:
        """How the last words of an error have to end."""
        newest = self.folder / "checkpoints" / f"checkpoint-{self.kept[-1]:06d}"
        return f"The last good checkpoint is {newest}; go on from it: genrl train --resume {self.folder}"


@cache
def base_weights() -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in base().policy.weight_set("current").items()}


def bright(prompts: list[str], completions: Any, **columns: Any) -> list[float]:
    return [float(np.asarray(picture).mean()) / 255 for picture in completions]


def from_call(number: int, fault: Callable[[list[float]], Any]) -> Callable[..., Any]:
    """The brightness, and from its `number`-th call on what the fault makes of it; the first call is an evaluation's."""
    calls = count(1)

    def reward(prompts: list[str], completions: Any, **columns: Any) -> Any:
        values = bright(prompts, completions)
        return fault(values) if next(calls) >= number else values

    return reward


def raising(values: list[float]) -> Any:
    raise ZeroDivisionError("no pixels")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (lambda values: [*values[:-1], float("nan")], r"Reward 'bright' answered nan for row 7 .* return None where"),
        (raising, r"Reward 'bright' failed \(ZeroDivisionError: no pixels\); mend it, or leave it out"),
    ],
    ids=["nan", "raises"],
)
def test_a_reward_that_answers_nan_or_raises(fault: Any, sentence: str, tmp_path: Path) -> None:
    run = Run(tmp_path / "run", from_call(3, fault), run=replace(base().run, save_steps=0))
    with pytest.raises(RewardError, match=sentence) as caught:
        run.fit()
    assert run.kept == [1], "the iteration before it is saved"
    assert str(caught.value).endswith(run.go_on)


def test_a_slow_reward_costs_its_time_alone(tmp_path: Path) -> None:
    def slow(values: list[float]) -> list[float]:
        time.sleep(0.05)
        return values

    ends = []
    for name, reward in (("fast", bright), ("slow", from_call(1, slow))):
        run = Run(tmp_path / name, reward)
        run.fit()
        ends.append(run.weights)
        rows = read_run(run.folder).iterations
    assert all(row["rewards/bright/seconds"] >= 0.05 and row["rewards/wait"] >= 0.05 for row in rows)
    assert all(one.equal(other) for one, other in zip(*ends, strict=True))


def bad_loss(run: Run, monkeypatch: pytest.MonkeyPatch, calls: Sequence[int], fault: Callable[[Any], Any]) -> None:
    """Put a fault into the loss of these calls, 1 the first."""
    number, loss = count(1), type(run.trainer.algorithm).loss

    def faulty(self: Any, policy: Any, unit: Any) -> Any:
        value, metrics = loss(self, policy, unit)
        return (fault(value) if next(number) in calls else value), metrics

    monkeypatch.setattr(type(run.trainer.algorithm), "loss", faulty)


@pytest.mark.parametrize(
    "fault",
    [
        lambda loss: loss * float("nan"),
        lambda loss: loss * 1e38 * 1e38,
        # A loss that is infinite where no weight has a part in it: every gradient is finite.
        lambda loss: loss + float("inf"),
    ],
    ids=["nan", "overflow", "infinite loss of finite gradient"],
)
def test_an_update_that_is_not_finite_is_skipped_and_counted(
    fault: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path / "run", bright)
    bad_loss(run, monkeypatch, [1], fault)
    run.fit()
    first, *others = read_run(run.folder).iterations
    assert first["skipped_updates"] == 1.0
    assert [row["skipped_updates"] for row in others] == [0.0] * (STEPS - 1)
    assert run.trainer.optimization.updates == STEPS - 1
    assert all(bool(weight.isfinite().all()) for weight in run.weights)


def test_updates_that_are_never_finite_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path / "run", bright)
    before = run.weights
    bad_loss(run, monkeypatch, range(1, 1000), lambda loss: loss * float("nan"))
    with pytest.raises(TrainingError, match=r"3 updates in a row had a loss or a gradient that is not finite") as caught:
        run.fit()
    assert "--resume-weights-only and a lower train.learning_rate" in str(caught.value)
    assert run.kept == [1, 2]
    assert str(caught.value).endswith(run.go_on)
    assert all(one.equal(other) for one, other in zip(run.weights, before, strict=True))


@pytest.fixture
def small_device() -> Iterator[Callable[..., None]]:
    """A module that runs out of memory with more rows than it is told, with gradient or without."""
    hooks = []

    def limit(module: torch.nn.Module, rows: int, gradient: bool) -> None:
        def check(module: Any, args: Any, kwargs: Any) -> None:
            first = next(value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor))
            if torch.is_grad_enabled() is gradient and len(first) > rows:
                raise torch.OutOfMemoryError(f"{len(first)} rows do not fit")

        hooks.append(module.register_forward_pre_hook(check, with_kwargs=True))

    yield limit
    for hook in hooks:
        hook.remove()


def test_no_memory_for_a_rollout_halves_its_batches(
    tmp_path: Path, small_device: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path / "run", bright)
    model = run.trainer.policy.model
    monkeypatch.setattr(model, "_rows", Rows(None, "max_rows"))
    small_device(model.networks["transformer"], 5, gradient=False)
    with pytest.warns(UserWarning, match=r"ran out of memory with 8 rows at once, so 4 are taken .*model\.max_rows=4"):
        run.fit()
    assert read_run(run.folder).done == STEPS


def test_no_memory_in_learning_names_the_settings_and_loses_nothing(tmp_path: Path, small_device: Callable[..., None]) -> None:
    run = Run(tmp_path / "run", bright, train=replace(base().train, max_steps=1))
    run.fit()
    before = run.weights
    small_device(run.trainer.policy.model.networks["transformer"], 3, gradient=True)
    again = Run(tmp_path / "run", bright)
    again.trainer.restore()
    with pytest.raises(
        TrainingError, match=r"in learning, with 4 rows in one forward-backward\. Go on with --set train\.rows=2"
    ) as caught:
        again.fit()
    assert "model.gradient_checkpointing=true" in str(caught.value)
    assert str(caught.value).endswith(again.go_on)
    assert again.kept == [1]
    assert all(one.equal(other) for one, other in zip(again.weights, before, strict=True))


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", bright, train=replace(base().train, max_steps=1))
    run.fit()
    again = Run(tmp_path / "run", bright)
    again.trainer.restore()
    with disk_with_room_for(100_000), pytest.raises(CheckpointError, match="checkpoint-000002 could not be written") as caught:
        again.fit()
    assert f"free space and go on with `genrl train --resume {run.folder}`" in str(caught.value)
    assert again.kept == [1]
    last = Run(tmp_path / "run", bright)
    last.trainer.restore()
    last.trainer.reporter.resume(last.trainer.progress)
    last.fit()
    assert [row["step"] for row in read_run(run.folder).iterations] == [1, 2, 3]


def test_metrics_that_find_no_room_say_so(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", bright, train=replace(base().train, max_steps=1))
    run.fit()
    again = Run(tmp_path / "run", bright)
    again.trainer.restore()
    room = (run.folder / "metrics.jsonl").stat().st_size + 10
    with disk_with_room_for(room), pytest.raises(RunFolderError, match=r"metrics\.jsonl could not be written") as caught:
        again.fit()
    assert f"genrl train --resume {run.folder}" in str(caught.value)
    assert [row["step"] for row in read_run(run.folder).iterations] == [1], "half a row is none"


def sending(*numbers: signal.Signals) -> Callable[..., Any]:
    """A reward that gets its own process these signals in the second iteration."""

    def signals(values: list[float]) -> list[float]:
        while todo:
            os.kill(os.getpid(), todo.pop(0))
            time.sleep(0.01)
        return values

    todo = list(numbers)
    return from_call(3, signals)


@pytest.mark.parametrize("numbers", [(signal.SIGTERM,), (signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)])
def test_sigterm_saves_the_iteration_and_ends_well(
    numbers: tuple[signal.Signals, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path / "run", sending(*numbers), run=replace(base().run, save_steps=0))
    with Interrupt() as stop:
        run.fit(stop)
    assert (run.trainer.step, run.kept) == (2, [2])
    assert capfd.readouterr().err.count("Saving at the end of this iteration. Ctrl-C again ends at once") == 1


def test_a_second_ctrl_c_ends_at_once_and_the_last_checkpoint_is_whole(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", sending(signal.SIGINT, signal.SIGINT))
    with Interrupt() as stop, pytest.raises(KeyboardInterrupt):
        run.fit(stop)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert (run.trainer.step, run.kept) == (1, [1])
    assert checkpoint.verify(run.folder / "checkpoints" / "checkpoint-000001") is None


def test_a_clock_that_goes_backwards_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(1_500_000_000, -3600)  # long before the files were written
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    run = Run(tmp_path / "run", bright)
    run.fit()
    found = read_run(run.folder)
    assert all(0.0 <= row["step_time"] < 3600.0 for row in found.iterations)
    assert found.state == "running?", "nothing tells it from a run that has just written"
    assert run.kept == [2, 3]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("manifest.json", b"{", "no readable manifest.json"),
        ("current.safetensors", b"\x08\x00", "current.safetensors was altered or truncated"),
    ],
)
def test_a_damaged_checkpoint_falls_back_and_ends_the_same(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole", bright)
    whole.fit()
    expected = whole.weights
    (whole.folder / "checkpoints" / "checkpoint-000003" / name).write_bytes(content)
    again = Run(tmp_path / "whole", bright)
    with pytest.warns(UserWarning, match=re.escape(f"checkpoint-000003 is damaged ({reason}); falling back")):
        again.trainer.restore()
    assert again.trainer.step == 2
    again.trainer.reporter.resume(again.trainer.progress)
    again.fit()
    assert all(one.equal(other) for one, other in zip(again.weights, expected, strict=True))
    assert [row["step"] for row in read_run(whole.folder).iterations] == [1, 2, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checkpoint.load(whole.folder / "checkpoints").state["step"] == 3


def test_a_best_checkpoint_that_was_deleted_is_told_of(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", bright, train=replace(base().train, max_steps=2))
    run.fit()
    best = replace(run.trainer.best, step=1)
    run.trainer.best, run.trainer.saved = best, None
    run.trainer.save()
    checkpoint_of_best = run.folder / "checkpoints" / "checkpoint-000001"
    assert checkpoint_of_best.is_dir()
    shutil.rmtree(checkpoint_of_best)
    again = Run(tmp_path / "run", bright)
    again.trainer.restore()
    again.trainer.reporter.resume(again.trainer.progress)
    assert "The checkpoint of the best evaluation, that of step 1, is gone. The run goes on" in again.said
    again.fit()
    again.trainer.reporter.conclude(again.trainer.step, True, best)
    assert "The best evaluation was that of step 1, whose checkpoint is gone." in again.said
    assert again.trainer.step == STEPS
