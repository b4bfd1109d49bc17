"""A frozen writer in front of a flow model: training, drawing and comparing; rewards judge by the request throughout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from accelerate.state import AcceleratorState

from genrl.config import resolve
from genrl.judging.judgement import read_judgement
from genrl.prompter.rewriting import Rewriter, RewrittenPrompts
from genrl.prompts import load_prompts
from genrl.tracking import MetricsLog, read_grid
from genrl.types import Prompt
from tests.tiny_runs import genrl
from tests.tiny_writers import REQUESTS

TINY = {
    "sampling.steps": 2,
    "steps.fraction": 1.0,
    "sampling.group_size": 4,
    "train.prompts_per_iteration": 2,
    "evaluation.samples": 4,
    "evaluation.every": 0,
    "prompts.heldout_count": 2,
    "run.save_steps": 1,
}


def train(*arguments: str, code: int = 0) -> str:
    AcceleratorState._reset_state(reset_partial_state=True)
    said = genrl("train", *arguments, code=code)
    AcceleratorState._reset_state(reset_partial_state=True)
    return said


@pytest.fixture(scope="module")
def tuned(run: Path, requests_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flow model that was trained behind the writer of `run`."""
    output = tmp_path_factory.mktemp("behind") / "tuned"
    told = ["--prompter", str(run), "--prompts", str(requests_file), "--device", "cpu", "--max-steps", "1"]
    train(*told, "--output", str(output), *(f"--set={key}={value}" for key, value in TINY.items()))
    return output


def kept(run: Path) -> dict[str, str]:
    return {row["request"]: row["prompt"] for row in MetricsLog(run / "written.jsonl").rows()}


def test_a_flow_model_is_trained_on_written_prompts_and_scored_by_requests(tuned: Path, run: Path) -> None:
    written = kept(tuned)
    assert len(written) == 4  # two held out, two trained on
    assert written.keys() <= REQUESTS.keys()
    captions = {caption for caption, _ in read_grid(tuned / "grids" / "step-000001.png")}
    assert captions <= {f"{request}\n-> {text}" for request, text in written.items()}
    # What was written is no sentence of the grammar, which the reward would have refused to judge by.
    rows = [json.loads(line) for line in (tuned / "metrics.jsonl").read_text().splitlines()]
    assert all(np.isfinite(row.get("reward", row.get("eval/reward"))) for row in rows)
    card = json.loads((tuned / "evaluations" / "card-000001.json").read_text())
    assert card["weights"]["prompter"] == str(run)
    assert card["weights"]["prompter_version"].startswith("sha256 ")


def test_it_is_evaluated_behind_its_writer_as_the_run_was(tuned: Path, tmp_path: Path) -> None:
    genrl("eval", str(tuned), "--output", str(tmp_path / "eval"), "--device", "cpu")
    judged = read_judgement(tmp_path / "eval")
    own = json.loads((tuned / "evaluations" / "step-000001.json").read_text())
    assert judged.values["reward"].tolist() == own["reward"]
    written = kept(tuned)
    assert [written[request] for request in judged.prompts] == judged.written


def test_sample_shows_what_was_written_and_draws_it(run: Path, tmp_path: Path) -> None:
    request = "draw a cyan circle"
    told = ["--count", "1", "--steps", "2", "--device", "cpu"]
    said = genrl("sample", "scenes", "--prompter", str(run), "--prompt", request, "--output", str(tmp_path / "a"), *told)
    text = said.partition(f"{request} -> ")[2].partition(" 1 pictures and sheet.png")[0]
    assert text
    genrl("sample", "scenes", "--prompt", text, "--output", str(tmp_path / "b"), *told)
    (mine,), (theirs,) = (sorted((tmp_path / name).glob("000-*.png")) for name in ("a", "b"))
    assert mine.name == "000-draw-a-cyan-circle.png"
    assert mine.read_bytes() == theirs.read_bytes()


def test_compare_draws_each_model_without_a_writer_and_with_it(
    run: Path, tuned: Path, requests_file: Path, tmp_path: Path
) -> None:
    folder, told = tmp_path / "both", ["--prompter", str(run), "--device", "cpu"]
    genrl("compare", "base", str(tuned), *told, "--output", str(folder))
    table = json.loads((folder / "comparison.json").read_text())
    assert list(table["methods"]) == ["base", "base+run", "tuned", "tuned+run"]
    plain, behind = (read_judgement(folder / name) for name in ("base", "base+run"))
    assert plain.prompts == behind.prompts
    assert (len(plain.written), len(behind.written)) == (0, 4)
    assert plain.values["reward"].tolist() != behind.values["reward"].tolist()
    # The tuned model behind its own writer is what the run itself evaluated.
    own = json.loads((tuned / "evaluations" / "step-000001.json").read_text())
    assert read_judgement(folder / "tuned+run").values["reward"].tolist() == own["reward"]
    assert behind.written[0] in (folder / "comparison.html").read_text()


def test_each_request_is_rewritten_once_even_by_a_run_that_goes_on(tmp_path: Path, requests_file: Path) -> None:
    asked: list[list[str]] = []

    def writer(requests: list[str]) -> list[str]:
        asked.append(list(requests))
        return [f"<{request}>" for request in requests]

    source = load_prompts(str(requests_file), seed=1)
    first = RewrittenPrompts(source, Rewriter(writer, tmp_path / "written.jsonl"))  # type: ignore[arg-type]
    drawn, plain = first.draw(0, 9), source.draw(0, 9)
    assert [prompt.text for prompt in drawn] == [f"<{prompt.text}>" for prompt in plain]
    assert [(p.asked, p.columns, p.index) for p in drawn] == [(p.text, p.columns, p.index) for p in plain]
    assert [len(batch) for batch in asked] == [6]
    with (tmp_path / "written.jsonl").open("a") as file:
        file.write('{"request": "cut sh')
    again = RewrittenPrompts(source, Rewriter(lambda _: [], tmp_path / "written.jsonl"))  # type: ignore[arg-type]
    assert again.draw(3, 4) == first.draw(3, 4)


def test_the_writer_answers_alike_alone_and_among_others(run: Path) -> None:
    from genrl.prompter.rewriting import rewriter

    writer = rewriter(str(run), "cpu").writer
    together = writer(list(REQUESTS))
    assert together == [writer([request])[0] for request in REQUESTS]
    assert writer.rewrite([Prompt("x", request="draw a cyan circle")])[0].text == together[4]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("sample {run} --prompt x", "is a prompt writer, which draws nothing; name a flow model, and give it as --prompter."),
        ("sample {run}/checkpoint-1 --prompt x", "is a prompt writer, which draws nothing"),
        ("train --prompter ./nowhere --prompts {requests}", "There is no folder './nowhere' with a language model"),
        ("compare scenes --prompter ./nowhere --prompts {requests}", "There is no folder './nowhere'"),
        ("compare scenes", "There is nothing to compare"),
    ],
)
def test_what_does_not_fit_is_said(run: Path, requests_file: Path, command: str, message: str, tmp_path: Path) -> None:
    told = command.format(run=run, requests=requests_file).split()
    assert message in genrl(*told, "--output", str(tmp_path / "out"), code=2)


def test_the_writer_of_a_run_is_a_setting() -> None:
    assert resolve(flags={"prompts.prompter": "somewhere"}).prompts.prompter == "somewhere"
