"""`genrl doctor` and `genrl estimate` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from genrl.cli.app import app
from tests.models.configs import write_configs
from tests.tiny_pipelines import build

FLUX_CALL = ["--set", "model.call.height=16", "--set", "model.call.width=16", "--set", "model.call.max_sequence_length=16"]
SMALL_RUN = ["--set", "sampling.steps=6", "--set", "sampling.group_size=4", "--set", "model.lora_rank=2"]


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline, and beside it the same without weights."""
    folder = tmp_path_factory.mktemp("models")
    pipe = build("flux").pipe
    pipe.save_pretrained(folder / "whole")
    write_configs(pipe, folder / "configs")
    return folder


def test_doctor_shows_that_a_model_is_trainable(flux: Path) -> None:
    said = run("doctor", str(flux / "whole"), *FLUX_CALL, "--device", "cpu", "--steps", "2")
    for part in (
        "FluxPipeline",
        "FluxTransformer2DModel",
        "17 layers",
        "grid of 2 steps",
        "64 x 4 = 16 x 16 pixels",
        "ms on cpu",
    ):
        assert part in said
    assert said.count("✓") == 3
    assert "✗" not in said
    assert said.rstrip().endswith("Trainable.")


def test_doctor_without_weights_says_what_it_cannot_know(flux: Path) -> None:
    said = run("doctor", str(flux / "configs"), "--config-only", *FLUX_CALL)
    assert (said.count("✓"), said.count("needs the weights")) == (1, 3)
    assert "embedded in the network" in said
    assert "Nothing speaks against it" in said


def test_doctor_refuses_with_the_reason(flux: Path, tmp_path: Path) -> None:
    said = run("doctor", str(flux / "configs"), "--device", "cpu", code=1)
    assert "does not load" in " ".join(said.split())
    folder = write_configs(build("flux").pipe, tmp_path)
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({"_class_name": "LCMScheduler", "prediction_type": "nothing"}))
    index = json.loads((folder / "model_index.json").read_text()) | {"scheduler": ["diffusers", "LCMScheduler"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    said = run("doctor", str(folder), "--config-only", code=1)
    assert "neither a flow with velocity" in " ".join(said.replace("│", " ").split())
    assert "Not trainable" in said


def test_doctor_examines_rewards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = run("doctor", "--reward", "jpeg-size", "--reward", "scenes", "--set", "rewards.jpeg-size.options.quality=50")
    assert (said.count("✓"), said.count("✗")) == (12, 0)
    for part in ("reward jpeg-size", "reward scenes", "knows good from bad", "ms a picture of 3x32x32"):
        assert part in said
    assert said.rstrip().endswith("No check failed.")
    Path("mine.py").write_text("def constant(prompts, completions, **columns): return [0.5] * len(prompts)")
    said = run("doctor", "--reward", "mine.py:constant", code=1)
    assert (said.count("✓"), said.count("✗"), said.count("│ - ")) == (4, 1, 1)
    assert "0.5 to 0.5 over 8 pictures" in said
    for arguments, message in (([], "give a model, or --reward NAME"), (["--reward", "jpeg-sice"], "did you mean 'jpeg-size'")):
        result = CliRunner().invoke(app, ["doctor", *arguments])
        assert result.exit_code == 2
        assert message in " ".join(result.stderr.split())


def test_doctor_takes_settings_as_train_does(flux: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", str(flux / "configs"), "--config-only", "--set", "model.call.hieght=16"])
    assert result.exit_code == 2
    assert "did you mean 'height'" in result.stderr


def test_estimate_prints_tables_and_a_verdict(flux: Path) -> None:
    said = run("estimate", "--model", str(flux / "configs"), "--algo", "mix-grpo", *FLUX_CALL, *SMALL_RUN, "--gpu", "rtx4090")
    for part in ("Memory of", "transformer", "One iteration of mix-grpo: 4 prompts x 4 members x 6 steps", "GeForce RTX 4090"):
        assert part in said
    assert "Fits on one GeForce RTX 4090" in said


def test_estimate_as_plain_data(flux: Path) -> None:
    plain = json.loads(
        run("estimate", "--model", str(flux / "configs"), *FLUX_CALL, *SMALL_RUN, "--json", "--utilisation", "0.9")
    )
    assert plain["counts"]["forwards"] == 4 * 4 * 6
    assert plain["gpu"]["utilisation"] == 0.9
    assert plain["fits"] is True
    assert plain["advice"] == []
    assert plain["flops"]["rollout"] == plain["costs"]["forward"]["flops"] * 96


def test_estimate_refuses_before_it_builds_anything(flux: Path) -> None:
    result = CliRunner().invoke(app, ["estimate", "--gpu", "h1000"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean 'h100'" in result.stderr
    result = CliRunner().invoke(app, ["estimate", "--set", "sampling.group_size=1"])
    assert "needs sampling.group_size >= 2" in result.stderr
