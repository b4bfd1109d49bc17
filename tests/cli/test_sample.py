"""`genrl sample`, `genrl snr` and `genrl check` at work, with a tiny model of random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from typer.testing import CliRunner

from genrl.cli.app import app
from genrl.config import resolve, to_yaml
from genrl.judging.drawing import draw, hybrid_policy
from genrl.judging.pictures import write_pictures, write_sheet
from genrl.judging.source import find, load
from genrl.models import add_lora
from genrl.policy import WeightedPolicy
from genrl.scenes.folder import build_pipeline

CALL = ["model.call.guidance_scale=1.0", "model.call.use_resolution_binning=false"]
PROMPTS = ["a red circle", "a red circle", "a blue square"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline folder whose network is not at its start, where blocks are gated off and the answer is zero."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    pipe = build_pipeline()
    with torch.no_grad():
        for parameter in pipe.transformer.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    pipe.save_pretrained(folder)
    return folder


def finished(folder: Path, tiny: Path, weights: str) -> Path:
    """The folder of a run that moved the weights of `tiny` a little."""
    sets = [*CALL, f"model.weights={weights}", "sampling.steps=2", "sampling.shift=null"]
    folder.mkdir()
    (folder / "config.yaml").write_text(to_yaml(resolve(sets=sets, flags={"model.path": str(tiny)})))
    model = load(find(str(tiny), CALL, "cpu"))
    if weights == "lora":
        add_lora(model, 2, 4)
    with torch.no_grad():
        for network in model.networks.values():
            for parameter in network.parameters():
                parameter += 0.02 * torch.randn_like(parameter) * (weights == "full" or parameter.requires_grad)
    model.save(folder / "model", weights)
    return folder


def pictures(source: Path, tuned: bool = True, seed: int = 0, steps: int = 2) -> Tensor:
    found = find(str(source), CALL, "cpu")
    return draw(WeightedPolicy(load(found, tuned)), PROMPTS, seed, replace(found.sampling, steps=steps))


def test_the_same_seed_draws_the_same_and_places_differ(tiny: Path) -> None:
    drawn = pictures(tiny)
    assert drawn.shape == (3, 3, 32, 32)
    assert 0.0 <= drawn.min() <= drawn.max() <= 1.0
    assert torch.equal(drawn, pictures(tiny))
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn, pictures(tiny, seed=1))


@pytest.mark.parametrize("weights", ["full", "lora"])
def test_a_run_draws_with_its_own_weights_and_its_base(weights: str, tiny: Path, tmp_path: Path) -> None:
    run = finished(tmp_path / "run", tiny, weights)
    assert (find(str(run), [], None).sampling.steps, find(str(tiny), [], None).sampling.steps) == (2, 28)
    assert torch.equal(pictures(run, tuned=False), pictures(tiny))
    assert (pictures(run) - pictures(tiny)).abs().max() > 1e-3


@pytest.mark.parametrize("weights", ["full", "lora"])
def test_hybrid_inference_switches_at_a_step(weights: str, tiny: Path, tmp_path: Path) -> None:
    """All steps tuned, or none, is to the last bit what the tuned weights, or the base's, draw; in between it is neither."""
    found = find(str(finished(tmp_path / "run", tiny, weights)), [], "cpu")
    sampling = replace(found.sampling, steps=5)
    hybrid = {steps: draw(hybrid_policy(found), PROMPTS, 0, sampling, tuned_steps=steps) for steps in (0, 4, 5)}
    tuned, base = (draw(WeightedPolicy(load(found, which)), PROMPTS, 0, sampling) for which in (True, False))
    assert torch.equal(hybrid[5], tuned)
    assert torch.equal(hybrid[0], base)
    assert all((hybrid[4] - other).abs().max() > 1e-4 for other in (tuned, base))


def test_a_share_of_equal_weights_is_all_of_them(tiny: Path, tmp_path: Path) -> None:
    """Where the walk is cut in two, nothing but the weights changes."""
    found = find(str(finished(tmp_path / "run", tiny, "lora")), [], "cpu")
    policy = WeightedPolicy(load(found), frozenset({"reference"}))
    sampling = replace(found.sampling, steps=5)
    whole = draw(policy, PROMPTS, 0, sampling)
    assert all(torch.equal(draw(policy, PROMPTS, 0, sampling, tuned_steps=steps), whole) for steps in range(5))


def test_sample_writes_each_picture_and_a_sheet(tiny: Path, tmp_path: Path) -> None:
    run, output = finished(tmp_path / "run", tiny, "full"), tmp_path / "drawn"
    options = ["--prompt", "a red circle", "--prompt", "Two/blue stars!", "--count", "2", "--output", str(output)]
    result = CliRunner().invoke(app, ["sample", str(run), *options, "--compare-base", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    places = ["000-a-red-circle", "001-a-red-circle", "002-two-blue-stars", "003-two-blue-stars"]
    expected = {f"{weights}-{place}.png" for weights in ("base", "tuned") for place in places}
    assert {path.name for path in output.iterdir()} == expected | {"sheet.png"}
    drawn = np.asarray(Image.open(output / "tuned-001-a-red-circle.png"))
    assert drawn.shape == (32, 32, 3)
    assert not np.array_equal(drawn, np.asarray(Image.open(output / "base-001-a-red-circle.png")))


def test_tuned_share_is_rounded_to_a_step_and_said(tiny: Path, tmp_path: Path) -> None:
    run, output = finished(tmp_path / "run", tiny, "full"), tmp_path / "drawn"
    options = ["--prompt", "a red circle", "--count", "1", "--steps", "7", "--output", str(output), "--device", "cpu"]
    result = CliRunner().invoke(app, ["sample", str(run), *options, "--tuned-share", "0.8"])
    assert result.exit_code == 0, result.output
    assert "The first 6 of 7 steps are tuned" in result.output


def test_videos_become_gifs_and_show_their_middle(tmp_path: Path) -> None:
    videos = torch.linspace(0, 1, 5)[None, :, None, None, None].expand(2, 5, 3, 8, 8)
    write_pictures(tmp_path, videos, ["a", "b"])
    write_sheet(tmp_path / "sheet.png", {"model": videos}, ["a", "b"], count=1)
    with Image.open(tmp_path / "000-a.gif") as gif:
        assert getattr(gif, "n_frames", 1) == 5
    assert (tmp_path / "sheet.png").stat().st_size > 0


def test_snr_measures_and_trains_nothing(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some.txt").write_text("a cat\na dog\na cow\n")
    sets = [*CALL, "model.weights=full", "sampling.steps=3", "sampling.group_size=4", "train.prompts_per_iteration=1"]
    sets += ["prompts.heldout_count=1"]
    options = [part for text in sets for part in ("--set", text)]
    told = ["--model", str(tiny), "--reward", "colorfulness", "--prompts", "some.txt", "--device", "cpu"]
    result = CliRunner().invoke(app, ["snr", "neighbor-grpo", *told, "--batches", "2", *options], env={"COLUMNS": "150"})
    assert result.exit_code == 0, result.output
    assert "neighbor-grpo" in result.stdout
    assert "+-" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["some.txt"]


def test_check_reports_and_fails_if_a_check_does(monkeypatch: pytest.MonkeyPatch) -> None:
    from genrl.testing import Result

    good, bad = Result("solver a", "is-exact"), Result("solver b", "is-exact", error="off by [1]")
    skipped = Result("solver c", "is-exact", skipped="it is no ODE")
    monkeypatch.setattr("genrl.testing.check_plugin", lambda name: [good, skipped])
    result = CliRunner().invoke(app, ["check", "my-plugin"])
    assert result.exit_code == 0
    assert "1 of 2 checks passed, 0 failed, 1 skipped." in result.stdout
    monkeypatch.setattr("genrl.testing.check_plugin", lambda name: [good, bad])
    result = CliRunner().invoke(app, ["check", "my-plugin"])
    assert result.exit_code == 1
    assert "off by [1]" in result.stdout
