"""What is refused before weights are loaded; the sentences are in tests/cli/test_bad_input.py."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from genrl.config import resolve
from genrl.config.checks import (
    check,
    check_device,
    check_model,
    check_output,
    check_prompts,
    check_rewards,
    check_switches,
    check_trackers,
)
from genrl.config.run_config import RunConfig
from genrl.errors import ConfigError, GenrlError, ModelError, PromptError, RewardError
from genrl.settings import ModelSettings, PromptSettings, RewardSettings, RunSettings, TrainSettings


def test_a_model_is_a_pipeline_folder_or_a_hub_id(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    check_model(ModelSettings(path=str(tmp_path)))
    check_model(ModelSettings(path="owner/name"))
    for path in (str(tmp_path / "no"), "./no", "scens", "a/b/c", str(tmp_path / "model_index.json")):
        with pytest.raises(ModelError):
            check_model(ModelSettings(path=path))


def test_switches_fit_together_before_anything_is_loaded() -> None:
    check_switches(ModelSettings(compile=True, offload=True))
    for switch, message in (("fp8_base=true", "gradient_checkpointing=true as well"), ("attention=sage", "no backward pass")):
        with pytest.raises(ConfigError, match=message):
            check(resolve("neighbor-grpo", sets=[f"model.{switch}", "model.weights=lora"]))


def test_rewards_are_found_and_distinct() -> None:
    check_rewards((RewardSettings("jpeg-size"), RewardSettings("random", 0.0)))
    for rewards in ((), (RewardSettings("jpeg-sise"),), (RewardSettings("random"), RewardSettings("random"))):
        with pytest.raises(GenrlError):
            check_rewards(rewards)
    with pytest.raises(RewardError, match="Nothing is rewarded"):
        check_rewards(())


def test_prompts_are_somewhere(tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("a cat\n")
    (tmp_path / "none.txt").write_text("\n")
    check_prompts(PromptSettings(source="owner/name"))
    check_prompts(PromptSettings(source="scenes", heldout=str(tmp_path / "some.txt")))
    for source in ("", str(tmp_path / "none.txt"), str(tmp_path / "absent.txt")):
        with pytest.raises(PromptError):
            check_prompts(PromptSettings(source=source))


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    check_device(RunSettings(device="auto"), TrainSettings(mixed_precision="bf16"))
    with pytest.raises(ConfigError, match=r"The device 'cuda' is not available"):
        check_device(RunSettings(device="cuda"), TrainSettings())
    with pytest.raises(ConfigError, match="fp16 needs a CUDA device"):
        check_device(RunSettings(), TrainSettings(mixed_precision="fp16"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    check_device(RunSettings(device="cuda"), TrainSettings(mixed_precision="fp16"))


def test_trackers_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genrl.config.checks.find_spec", lambda name: None if name == "trackio" else object())
    check_trackers(RunSettings(report_to=("tensorboard",)))
    with pytest.raises(ConfigError, match="pip install trackio"):
        check_trackers(RunSettings(report_to=("tensorboard", "trackio")))


def test_output_is_a_new_run_or_a_resumed_one(tmp_path: Path) -> None:
    check_output(tmp_path / "deep" / "down", resuming=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "config.yaml").write_text("")
    check_output(tmp_path, resuming=True)
    with pytest.raises(ConfigError, match=r"already holds a run.*--resume"):
        check_output(tmp_path, resuming=False)
    for folder in (tmp_path / "config.yaml", tmp_path / "config.yaml" / "run", Path("/proc/run")):
        with pytest.raises(ConfigError, match=r"cannot be written"):
            check_output(folder, resuming=False)


@pytest.mark.parametrize("name", ["neighbor-grpo", "dance-grpo", "mix-grpo", "mix-grpo-flash", "flow-grpo"])
def test_the_shipped_recipes_pass(name: str) -> None:
    config: RunConfig = resolve(name)
    config.algorithm.check(config.sampling)
    with pytest.raises(ConfigError):
        config.algorithm.check(dataclasses.replace(config.sampling, steps=1))
