"""Launcher configurations: those that come with genrl, and what is refused of others."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from accelerate.utils import FullyShardedDataParallelPlugin

from genrl.cli.launching import SHIPPED, read_launch
from genrl.config import resolve
from genrl.engine import _obstacles, _sharding_obstacles
from genrl.errors import ConfigError

NAMES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set here does not outlive the test."""
    monkeypatch.setattr(os, "environ", dict(os.environ))


def test_three_come_with_genrl_and_accelerate_reads_them() -> None:
    from accelerate.commands.config import load_config_from_file

    assert NAMES == ["ddp", "fsdp2", "single"]
    for name in NAMES:
        loaded = load_config_from_file(str(SHIPPED / f"{name}.yaml"))
        assert loaded.mixed_precision == "no"


def test_a_process_for_each_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    assert [read_launch(name).processes for name in NAMES] == [8, 8, 1]
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(ConfigError, match="torchrun --nproc-per-node 2 -m genrl train --device cpu --accelerate-config ddp"):
        read_launch("ddp")


@pytest.mark.parametrize("name", ["deepspeed-zero2", "deepspeed-zero3"])
def test_deepspeed_is_refused_with_its_reason(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="takes the optimizer step inside a backward pass.*fsdp2"):
        read_launch(name)
    (tmp_path / "own.yaml").write_text("distributed_type: DEEPSPEED\nnum_processes: 2\n")
    with pytest.raises(ConfigError, match="takes the optimizer step inside a backward pass.*fsdp2"):
        read_launch(str(tmp_path / "own.yaml"))


def test_a_name_that_is_none_is_answered_with_a_like_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'fsdp2'"):
        read_launch("fsdp")


def test_the_shipped_shards_are_those_that_a_run_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    read_launch("fsdp2").adopt()
    assert list(_sharding_obstacles(resolve("neighbor-grpo", preset="none"), FullyShardedDataParallelPlugin())) == []


@pytest.mark.parametrize(
    ("variable", "value", "cure"),
    [
        ("FSDP_VERSION", "1", "set fsdp_version to 2"),
        ("FSDP_RESHARD_AFTER_FORWARD", "true", "set fsdp_reshard_after_forward to false"),
        ("FSDP_OFFLOAD_PARAMS", "true", "set fsdp_offload_params to false"),
        ("FSDP_ACTIVATION_CHECKPOINTING", "true", "model.gradient_checkpointing=true"),
        ("FSDP_CPU_RAM_EFFICIENT_LOADING", "true", "text encoders"),
    ],
)
def test_other_shards_are_refused_with_the_cure(variable: str, value: str, cure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    read_launch("fsdp2").adopt()
    if variable == "FSDP_VERSION":
        os.environ["FSDP_RESHARD_AFTER_FORWARD"] = "FULL_SHARD"
    os.environ[variable] = value
    said = list(_sharding_obstacles(resolve("neighbor-grpo", preset="none"), FullyShardedDataParallelPlugin()))
    assert any(cure in sentence for sentence in said), said


@pytest.mark.parametrize(
    ("setting", "cure"),
    [("model.compile=true", "set model.compile=false"), ("model.weights=full", "asks other weights as well (reference)")],
)
def test_settings_that_shards_cannot_keep_are_refused(setting: str, cure: str) -> None:
    sets = [setting, *(["regularizers=[{name: kl-velocity, beta: 0.1}]"] if "full" in setting else [])]
    plugin = FullyShardedDataParallelPlugin(fsdp_version=2, reshard_after_forward=False)
    said = list(_sharding_obstacles(resolve("neighbor-grpo", preset="none", sets=sets), plugin))
    assert len(said) == 1
    assert cure in said[0]


def test_two_precisions_are_refused() -> None:
    os.environ["ACCELERATE_MIXED_PRECISION"] = "bf16"
    state = SimpleNamespace(dynamo_plugin=SimpleNamespace(backend="NO"))
    kind = SimpleNamespace(value="NO")
    engine = SimpleNamespace(distributed_type=kind, parallelism_config=None, gradient_accumulation_steps=1, state=state)
    (said,) = _obstacles(resolve("neighbor-grpo", preset="none"), engine)  # type: ignore[arg-type]
    assert "set train.mixed_precision=bf16" in said
