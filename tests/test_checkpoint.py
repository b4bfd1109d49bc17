"""Checkpoints are whole or not there, and damage is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genrl import checkpoint
from genrl.checkpoint import Snapshot
from genrl.errors import CheckpointError
from tests.full_disk import disk_with_room_for


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
    with pytest.raises(CheckpointError, match="There is no checkpoint in .*; start a new run: genrl train --config"):
        checkpoint.load(tmp_path)


def test_only_damaged_checkpoints_are_an_error(tmp_path: Path) -> None:
    folder = checkpoint.save(tmp_path, 1, snapshot(1), keep=1)
    (folder / "current.safetensors").unlink()
    with (
        pytest.warns(UserWarning, match="current.safetensors is missing"),
        pytest.raises(CheckpointError, match="Every checkpoint in .* is damaged; start a new run"),
    ):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("room", [0, 5_000, 45_000, 100_000])
def test_a_full_disk_leaves_earlier_checkpoints(tmp_path: Path, room: int) -> None:
    def big(value: float) -> Snapshot:
        return Snapshot({name: {"weight": torch.full((10_000,), value)} for name in ("current", "ema")}, {"step": value})

    root = tmp_path / "run" / "checkpoints"
    checkpoint.save(root, 1, big(1), keep=1)
    with (
        disk_with_room_for(room),
        pytest.raises(CheckpointError, match=r"checkpoint-000002 could not be written \(.*too large.*\)") as error,
    ):
        checkpoint.save(root, 2, big(2), keep=1, export=lambda model: fill(model, 200_000))
    assert f"The last good checkpoint is {root / 'checkpoint-000001'}; free space and go on with" in str(error.value)
    assert [path.name for path in root.iterdir()] == ["checkpoint-000001"]
    assert checkpoint.load(root).state == {"step": 1}


def fill(folder: Path, size: int) -> None:
    folder.mkdir()
    (folder / "weights").write_bytes(bytes(size))


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, snapshot(1), keep=1)
    for name in (".draft-checkpoint-000002", ".draft-removed-checkpoint-000000"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "current.safetensors").write_bytes(b"half")
    assert checkpoint.load(tmp_path).state == {"step": 1}
    checkpoint.save(tmp_path, 3, snapshot(3), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-000001", "checkpoint-000003"]


def test_a_damaged_checkpoint_is_replaced_when_its_step_comes_again(tmp_path: Path) -> None:
    folder = checkpoint.save(tmp_path, 1, snapshot(1), keep=1)
    (folder / checkpoint.STATE).write_text("{}")
    checkpoint.save(tmp_path, 1, snapshot(1), keep=1)
    assert checkpoint.load(tmp_path).state == {"step": 1}


@pytest.mark.parametrize("manifest", ["[]", "{}", "null", '{"current.safetensors": "0"}'])
def test_a_manifest_that_is_none_is_damage(tmp_path: Path, manifest: str) -> None:
    folder = checkpoint.save(tmp_path, 1, snapshot(1), keep=1)
    (folder / checkpoint.MANIFEST).write_text(manifest)
    assert checkpoint.verify(folder) == "no readable manifest.json"


def test_a_file_that_the_manifest_does_not_list_is_not_read(tmp_path: Path) -> None:
    folder = checkpoint.save(tmp_path, 1, snapshot(1), keep=1)
    (folder / "ema.safetensors").write_bytes(b"not a checkpoint's")
    assert checkpoint.load(tmp_path).tensors.keys() == {"current"}


def test_the_newest_has_the_highest_step_whatever_its_length(tmp_path: Path) -> None:
    for step in (999_999, 1_000_000):
        checkpoint.save(tmp_path, step, snapshot(step), keep=2)
    assert checkpoint.load(tmp_path).state == {"step": 1_000_000}


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
