"""A writer and a flow model by turns, on tiny settings; what is finished is never done again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from genrl.judging.judgement import read_judgement
from genrl.report import read_run
from tests.tiny_runs import genrl
from tests.tiny_writers import sets

FLOW = {
    "rounds": 2,
    "grpo.max_steps": 1,
    "train.max_steps": 1,
    "train.prompts_per_iteration": 1,
    "train.learning_rate": 0.001,
    "sampling.group_size": 4,
    "steps.fraction": 1.0,
    "evaluation.every": 0,
    "run.save_steps": 0,
}


def together(*arguments: str, code: int = 0) -> str:
    AcceleratorState._reset_state(reset_partial_state=True)
    said = genrl("train-together", *arguments, code=code)
    AcceleratorState._reset_state(reset_partial_state=True)
    return said


@pytest.fixture(scope="module")
def both(told: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("together") / "both"
    said = together(*told, "--output", str(folder), *sets(**FLOW))
    (folder / "said.txt").write_text(said)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.relative_to(folder)}: {name}": tensor
        for path in sorted(folder.rglob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def moved(one: Path, other: Path) -> bool:
    return any(not torch.equal(tensor, weights(other)[name]) for name, tensor in weights(one).items())


@pytest.mark.slow
def test_each_turn_is_a_run_that_begins_where_the_last_one_ended(both: Path, writer: Path) -> None:
    turns = ["round-1-writer", "round-1-model", "round-2-writer", "round-2-model"]
    runs = {name: read_run(both / name) for name in turns}
    assert all(run.finished and run.done == 1 for run in runs.values())
    assert runs["round-1-writer"].config["source"] == "scenes"
    assert runs["round-1-model"].config["prompts"]["prompter"] == str(both / "round-1-writer")
    assert runs["round-2-writer"].config["writer"]["path"] == str(both / "round-1-writer")
    assert runs["round-2-writer"].config["source"] == str(both / "round-1-model")
    # The first evaluation of a turn is the last one of its own kind's turn before, behind the other's new weights.
    for one, two in (("round-1-writer", "round-2-writer"), ("round-1-model", "round-2-model")):
        kind = one.rpartition("-")[2]
        assert moved(both / one / kind, both / two / kind)
    assert moved(writer, both / "round-1-writer" / "writer")


@pytest.mark.slow
def test_a_models_second_turn_begins_with_the_weights_of_its_first(both: Path) -> None:
    """Behind the writer of the second round, at step 0, it draws what the tuned model of the first round draws."""
    told = ["--prompter", str(both / "round-2-writer"), "--device", "cpu", "--output", str(both.parent / "again")]
    genrl("compare", str(both / "round-1-model"), *told)
    drawn = read_judgement(both.parent / "again" / "round-1-model+round-2-writer").values["reward"]
    begun = read_run(both / "round-2-model").evaluations[0]["reward"]
    assert drawn.tolist() == pytest.approx(begun.tolist(), abs=1e-6)


@pytest.mark.slow
def test_all_four_are_judged_on_the_same_requests_and_noise(both: Path) -> None:
    table = json.loads((both / "combinations" / "comparison.json").read_text())
    names = ["both base", "model tuned", "writer tuned", "both tuned"]
    assert list(table["methods"]) == names
    assert table["measures"].keys() >= {"reward", "scenes/strict", "faithfulness"}
    judged = [read_judgement(both / "combinations" / name.replace(" ", "-")) for name in names]
    assert len({tuple(one.prompts) for one in judged}) == 1
    assert len({one.card.prompts["sha256"] for one in judged}) == 1
    assert judged[0].written == judged[1].written != judged[2].written == judged[3].written
    assert judged[0].values["faithfulness"].tolist() == judged[1].values["faithfulness"].tolist()
    said = (both / "said.txt").read_text()
    assert "both tuned" in said
    last = read_run(both / "round-2-model").evaluations[1]["reward"]
    assert judged[3].values["reward"].tolist() == pytest.approx(last.tolist(), abs=1e-6)


@pytest.mark.slow
def test_it_goes_on_between_rounds_and_repeats_nothing(both: Path, tmp_path: Path) -> None:
    stopped = tmp_path / "both"
    shutil.copytree(both, stopped)
    for name in ("round-2-model", "combinations"):
        shutil.rmtree(stopped / name)
    before = (stopped / "round-1-model" / "metrics.jsonl").read_text()
    said = together("--resume", str(stopped))
    assert "round 2 of 2: the model learns" in said
    assert "the writer learns" not in said
    assert (stopped / "round-1-model" / "metrics.jsonl").read_text() == before
    assert not moved(both / "round-2-model" / "model", stopped / "round-2-model" / "model")
    assert (stopped / "combinations" / "comparison.html").is_file()
    # Another round makes other weights, so the four are judged again.
    said = together("--resume", str(stopped), "--rounds", "3")
    assert "round 3 of 3: the writer learns" in said
    four = read_judgement(stopped / "combinations" / "both-tuned")
    assert four.card.weights["source"] == str(stopped / "round-3-model")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set=grpo.bf16=true"], "leave grpo.bf16 out and set train.mixed_precision"),
        (["--set=prompts.prompter=x"], "prompts.prompter has no place"),
        (["--set=rounds=0"], "rounds must be at least 1, got 0"),
        (["--set=grpo.num_generations=3"], "cannot be divided into groups of 3"),
        (["--set=train.learning_rat=1"], "did you mean 'learning_rate'?"),
        (["--writer=./nowhere"], "There is no folder './nowhere'"),
        (["--resume=."], "There is no training of two in"),
    ],
)
def test_mistakes_are_sentences(told: list[str], tmp_path: Path, arguments: list[str], message: str) -> None:
    assert message in together(*told, "--output", str(tmp_path / "x"), *sets(**FLOW), *arguments, code=2)
    assert not (tmp_path / "x").exists()
