"""What a run takes over from another one, and what it refuses to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from genrl import checkpoint
from genrl.checkpoint import Snapshot
from genrl.errors import CheckpointError, TrainingError
from genrl.optimization import Optimization
from genrl.persistence import Persistence, Progress
from genrl.policy import WeightedPolicy
from genrl.processes import ALONE
from genrl.replicas import Replicas
from genrl.settings import TrainSettings
from genrl.testing import ToyModel


def persistence(folder: Path, *sets: str, **identity: Any) -> Persistence:
    policy = WeightedPolicy(ToyModel(), frozenset(sets))
    weights = Replicas(policy.parameters(), ALONE)
    optimization = Optimization(weights, TrainSettings(), Accelerator(cpu=True))
    return Persistence(folder, policy, optimization, identity, keep=2)


def fill(run: Persistence, weights: str, value: float) -> None:
    like = run.policy.weight_set(weights)
    run.policy.load_weight_set(weights, {name: torch.full_like(tensor, value) for name, tensor in like.items()})


def values(run: Persistence, weights: str) -> set[float]:
    return {float(number) for tensor in run.policy.weight_set(weights).values() for number in tensor.flatten()}


def test_weights_are_taken_over_and_nothing_else(tmp_path: Path) -> None:
    first = persistence(tmp_path / "first", "ema", recipe="one")
    fill(first, "current", 2.0), fill(first, "ema", 3.0)
    first.optimization.updates = 9
    source = first.save(Progress(5))
    second = persistence(tmp_path / "second", "ema", "old", "reference", recipe="another")
    base = values(second, "reference")
    second.adopt(source)
    assert values(second, "current") == {2.0}
    assert values(second, "ema") == {3.0}
    assert values(second, "old") == {2.0}, "what the other run did not have begins as its current weights"
    assert values(second, "reference") == base, "the reference stays the model as it came"
    assert second.optimization.updates == 0
    assert second.optimization.optimizer.state_dict()["state"] == {}
    assert second.restore() == Progress(), "there is no checkpoint of its own yet"


def test_other_weights_are_refused(tmp_path: Path) -> None:
    strange = Snapshot({"current": {"toy.strange": torch.ones(3)}}, {})
    source = checkpoint.save(tmp_path / "checkpoints", 1, strange, keep=1)
    with pytest.raises(CheckpointError, match=r"toy\.strange has shape \(3,\) there and none here|has shape none there"):
        persistence(tmp_path / "run").adopt(source)
    (source / "current.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"is damaged \(current.safetensors was altered or truncated\)"):
        persistence(tmp_path / "run").adopt(source)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"algorithm.name": "mix-grpo", "processes": 1}, "made with algorithm.name = 'dance-grpo', and here it is 'mix-grpo'"),
        ({"algorithm.name": "dance-grpo", "processes": 2}, "made with processes = 1, and here it is 2"),
        ({"algorithm.name": "dance-grpo"}, "made with processes = 1, and here it is None"),
    ],
)
def test_another_recipe_or_number_of_processes_is_refused(other: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    persistence(tmp_path, **{"algorithm.name": "dance-grpo", "processes": 1}).save(Progress(3))
    with pytest.raises(CheckpointError, match=sentence) as caught:
        persistence(tmp_path, **other).restore()
    assert f"genrl train --resume {tmp_path} --resume-weights-only" in str(caught.value)


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path) -> None:
    first = persistence(tmp_path)
    checkpoint.save(first.root, 1, Snapshot({"current": dict(first.policy.weight_set("current"))}, {"step": 1}), keep=1)
    with pytest.raises(CheckpointError, match="written by another version of genrl"):
        first.restore()


def scaled(folder: Path) -> Persistence:
    """With the scaler that fp16 has on a GPU."""
    accelerator = Accelerator(cpu=True)
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    policy = WeightedPolicy(ToyModel())
    settings = TrainSettings(max_bad_updates=2)
    return Persistence(folder, policy, Optimization(Replicas(policy.parameters(), ALONE), settings, accelerator), {}, keep=2)


def test_the_search_for_a_scale_is_no_fault_and_is_kept(tmp_path: Path) -> None:
    run = scaled(tmp_path)

    def overflow() -> None:
        for parameter in run.optimization.parameters:
            parameter.grad = torch.full_like(parameter, float("inf"))
        run.optimization.accelerator.scaler.scale(torch.ones(1))  # as a backward pass does
        assert run.optimization.step()[1] is False

    for scale in (4.0, 2.0, 1.0):
        overflow()
        assert run.optimization.state()["scaler"]["scale"] == scale
    assert (run.optimization.updates, run.optimization.bad_in_a_row) == (0, 0)
    overflow()
    assert run.optimization.bad_in_a_row == 1
    run.save(Progress(1))
    again = scaled(tmp_path)
    again.restore()
    assert again.optimization.state() == run.optimization.state()
    with pytest.raises(TrainingError, match="2 updates in a row"):
        overflow()
