"""Checkpoints are whole or not there, and damage is noticed."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch

from genrl import checkpoint
from genrl.checkpoint import Snapshot
from genrl.errors import CheckpointError


def snapshot(value: float) -> Snapshot:
    return Snapshot({"current": {"weight": torch.full((3,), value)}}, {"step": int(value)})


def test_round_trip_keeps_only_the_newest(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step, snapshot(step), keep=2)
    assert [folder.name for folder in checkpoint.found(tmp_path)] == ["checkpoint-000002", "checkpoint-000003"]
    loaded = checkpoint.load(tmp_path)
    assert loaded.state == {"step": 3}
    assert loaded.tensors["current"]["weight"].tolist() == [3.0, 3.0, 3.0]


def test_the_best_is_kept_beside_the_newest(tmp_path: Path) -> None:
    for step, best in ((1, 1), (2, 2), (3, 2), (4, 2)):
        checkpoint.save(tmp_path, step, snapshot(step), keep=1, best=best)
    assert [folder.name for folder in checkpoint.found(tmp_path)] == ["checkpoint-000002", "checkpoint-000004"]
    checkpoint.save(tmp_path, 5, snapshot(5), keep=1, best=5)
    assert [folder.name for folder in checkpoint.found(tmp_path)] == ["checkpoint-000005"]


@pytest.mark.parametrize("damage", ["truncate", "alter", "remove", "manifest"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoint.save(tmp_path, 1, snapshot(1), keep=5)
    newest = checkpoint.save(tmp_path, 2, snapshot(2), keep=5)
    weights = newest / "current.safetensors"
    if damage == "truncate":
        weights.write_bytes(weights.read_bytes()[:-4])
    elif damage == "alter":
        weights.write_bytes(weights.read_bytes()[:-4] + b"oops")
    elif damage == "remove":
        weights.unlink()
    else:
        (newest / checkpoint.MANIFEST).write_text("{")
    with pytest.warns(UserWarning, match="checkpoint-000002 is damaged"):
        assert checkpoint.load(tmp_path).state == {"step": 1}


def test_nothing_to_load_is_an_error_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="without --resume"):
        checkpoint.load(tmp_path)


def test_only_damaged_checkpoints_are_an_error(tmp_path: Path) -> None:
    folder = checkpoint.save(tmp_path, 1, snapshot(1), keep=1)
    (folder / "current.safetensors").unlink()
    with pytest.warns(UserWarning), pytest.raises(CheckpointError, match="is missing"):
        checkpoint.load(tmp_path)


def test_a_full_disk_leaves_earlier_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, 1, snapshot(1), keep=1)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        checkpoint.save(tmp_path, 2, snapshot(2), keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000001"]
    assert checkpoint.load(tmp_path).state == {"step": 1}


def test_optimizer_state_round_trip() -> None:
    def stepped(count: int) -> tuple[torch.nn.Linear, torch.optim.AdamW]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 2)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
        for _ in range(count):
            layer(torch.ones(1, 3)).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        return layer, optimizer

    layer, optimizer = stepped(2)
    again, fresh = stepped(0)
    again.load_state_dict(layer.state_dict())
    # Copies stand for the trip through a file: the live state must not be shared.
    tensors = {name: value.clone() for name, value in checkpoint.optimizer_tensors(optimizer).items()}
    checkpoint.load_optimizer_tensors(fresh, tensors)
    for one, two in ((layer, optimizer), (again, fresh)):
        one(torch.ones(1, 3)).sum().backward()
        two.step()
    assert again.weight.equal(layer.weight)
