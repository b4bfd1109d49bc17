"""`genrl export`, and what `genrl train` leaves for diffusers, after short runs on tiny models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from huggingface_hub import HfApi
from safetensors.torch import load_file

from genrl import checkpoint
from genrl.config import resolve
from genrl.evaluation import Evaluator
from genrl.export import read_record
from genrl.judging.source import find, load
from genrl.policy import WeightedPolicy
from genrl.prompts import train_and_heldout
from genrl.rewards import RewardPanel, resolve_reward
from genrl.solvers import Euler
from tests.tiny_runs import LORA, genrl, trained


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("lora"), "sd3", **LORA)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("full"), "prx", **{"model.weights": "full"})


def test_every_checkpoint_of_a_lora_run_is_loaded_by_diffusers(lora: Path) -> None:
    """It holds the averaged weights, and the checkpoint is whole with it."""
    for folder in checkpoint.found(lora / "checkpoints"):
        assert checkpoint.verify(folder) is None
        pipe = DiffusionPipeline.from_pretrained(lora.parent / "base")
        pipe.load_lora_weights(folder / "model")
        average = load_file(folder / "ema.safetensors")
        assert {key: value.tolist() for key, value in average.items()} != {
            key: value.tolist() for key, value in load_file(folder / "current.safetensors").items()
        }
        for name, parameter in pipe.transformer.named_parameters():
            if "lora_" in name:
                assert parameter.equal(average[f"transformer.{name.replace('.default_0.', '.default.')}"])
        scale = {layer.scaling["default_0"] for layer in pipe.transformer.modules() if hasattr(layer, "lora_A")}
        assert scale == {4.0}
    assert (folder / "model" / "README.md").read_text() == (lora / "model" / "README.md").read_text()


def test_a_file_of_the_folder_is_hashed_with_its_checkpoint(lora: Path) -> None:
    hashes = json.loads((checkpoint.found(lora / "checkpoints")[-1] / checkpoint.MANIFEST).read_text())
    assert {"model/pytorch_lora_weights.safetensors", "model/README.md", "model/genrl.json", "state.json"} <= hashes.keys()


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_what_is_drawn_from_is_what_was_evaluated(weights: str, request: pytest.FixtureRequest) -> None:
    """Weights, call, steps, grid and precision: the same evaluation gives the same values."""
    run = request.getfixturevalue(weights)
    config = resolve(config=run / "config.yaml", preset="none")
    found = find(str(run), [], "cpu")
    _, heldout = train_and_heldout(config.prompts.source, None, count=2, seed=0)
    prompts = heldout.draw(0, 2)
    rewards = RewardPanel([resolve_reward("colorfulness")])
    evaluator = Evaluator(prompts, Euler(), found.sampling, config.evaluation)
    with torch.autocast("cpu", torch.bfloat16, enabled=found.mixed_precision == "bf16"):
        again = evaluator(WeightedPolicy(load(found)), rewards).values["reward"]
    noted = json.loads((run / "evaluations" / "step-000002.json").read_text())["reward"]
    assert sorted(again.tolist()) == pytest.approx(sorted(noted), rel=1e-5)


def test_a_finished_run_is_its_own_export_and_a_checkpoint_is_copied(lora: Path, tmp_path: Path) -> None:
    assert str(lora / "model") in genrl("export", str(lora))
    genrl("export", str(lora), "--checkpoint", "1")
    folder = lora / "exports" / "step-000001"
    assert read_record(folder).step == 1
    kept = lora / "checkpoints" / "checkpoint-000001" / "model"
    assert (folder / "README.md").read_text() == (kept / "README.md").read_text()
    genrl("export", str(lora), "--output", str(tmp_path / "new"))
    assert {path.name for path in (tmp_path / "new").iterdir()} == {path.name for path in (lora / "model").iterdir()}
    assert "is there already" in genrl("export", str(lora), "--output", str(tmp_path / "new"), code=2)


def test_full_weights_become_a_pipeline_on_demand(full: Path, tmp_path: Path) -> None:
    kept = full / "checkpoints" / "checkpoint-000001"
    assert not (kept / "model").exists()
    genrl("export", str(full), "--checkpoint", "1", "--output", str(tmp_path / "one"))
    pipe = DiffusionPipeline.from_pretrained(tmp_path / "one")
    average = load_file(kept / "ema.safetensors")
    assert all(value.equal(average[f"transformer.{name}"]) for name, value in pipe.transformer.named_parameters())
    genrl("sample", str(tmp_path / "one"), "--prompt", "a cat", "--count", "1", "--output", str(tmp_path / "drawn"))
    assert (tmp_path / "drawn" / "000-a-cat.png").is_file()


def test_an_exported_lora_is_drawn_from_like_its_run(lora: Path, tmp_path: Path) -> None:
    for source, name in ((lora, "run"), (lora / "model", "folder")):
        genrl("sample", str(source), "--prompt", "a cat", "--count", "1", "--output", str(tmp_path / name), "--compare-base")
    for weights in ("tuned", "base"):
        drawn = [(tmp_path / name / f"{weights}-000-a-cat.png").read_bytes() for name in ("run", "folder")]
        assert drawn[0] == drawn[1]
    found = find(str(lora / "model"), [], None)
    assert (found.sampling.steps, found.sampling.shift, found.mixed_precision) == (3, 2.0, "bf16")
    assert find(str(lora / "model"), ["model.path=elsewhere"], None).base.path == "elsewhere"


def test_what_is_not_there_is_said(lora: Path, full: Path, tmp_path: Path) -> None:
    assert "no checkpoint of iteration 7" in genrl("export", str(lora), "--checkpoint", "7", code=2)
    assert "there are: 1, 2." in genrl("export", str(lora), "--checkpoint", "7", code=2)
    assert "There is no run in" in genrl("export", str(tmp_path), code=2)
    (tmp_path / "config.yaml").write_text((lora / "config.yaml").read_text())
    assert "There is no checkpoint in" in genrl("export", str(tmp_path), code=2)
    (tmp_path / "checkpoints").symlink_to(lora / "checkpoints")
    assert "draw from its newest checkpoint" in genrl("sample", str(tmp_path), "--prompt", "a cat", code=2)


def test_a_damaged_checkpoint_is_not_exported(full: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "checkpoints" / "checkpoint-000001"
    damaged.mkdir(parents=True)
    (damaged / checkpoint.MANIFEST).write_text(json.dumps({"ema.safetensors": "0", checkpoint.STATE: "0"}))
    (tmp_path / "config.yaml").write_text((full / "config.yaml").read_text())
    assert "is damaged (ema.safetensors is missing)" in genrl("export", str(tmp_path), code=2)


def test_a_run_is_uploaded_under_its_new_name(lora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}

    def upload_folder(repo_id: str, folder_path: Path, commit_message: str) -> None:
        sent["card"] = (Path(folder_path) / "README.md").read_text()

    monkeypatch.setattr(HfApi, "whoami", lambda self: {"name": "me"})
    monkeypatch.setattr(HfApi, "create_repo", lambda self, name, **options: sent.update(options) or f"https://hub/{name}")
    monkeypatch.setattr(HfApi, "upload_folder", staticmethod(upload_folder))
    said = genrl("export", str(lora), "--push-to-hub", "me/sharper", "--set", "run.hub_private_repo=true")
    assert "Uploaded to https://hub/me/sharper" in said
    assert 'load_lora_weights("me/sharper")' in sent["card"]
    assert sent["private"] is True


def test_an_upload_that_fails_after_training_loses_nothing(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resuming a finished run with an upload trains nothing more."""

    def refuse(self: HfApi, name: str, **options: Any) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(HfApi, "whoami", lambda self: {"name": "me"})
    monkeypatch.setattr(HfApi, "create_repo", refuse)
    said = genrl("train", "--resume", str(full), "--push-to-hub", "me/sharper", code=2)
    assert "no route to host" in said
    assert f"upload it with `genrl export {full} --push-to-hub me/sharper`" in said
    assert (full / "model" / "model_index.json").is_file()
