"""`genrl train-prompter` from end to end, on the embedded flow model and a language model of random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from genrl.report import read_run, summary
from genrl.tracking import read_grid
from tests.tiny_runs import genrl
from tests.tiny_writers import REQUESTS, sets, train_prompter, write_writer


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_trl_drives_and_leaves_its_own_files(run: Path) -> None:
    state = json.loads((run / "checkpoint-2" / "trainer_state.json").read_text())
    assert (state["global_step"], state["max_steps"]) == (2, 2)
    first = state["log_history"][0]
    for name in ("pictures", "faithfulness", "short"):
        assert f"rewards/{name}/mean" in first
    assert (run / "trainer_state.json").is_file()
    assert {path.name for path in run.glob("checkpoint-*")} == {"checkpoint-1", "checkpoint-2"}


def test_a_reward_function_for_texts_counts_unchanged(run: Path) -> None:
    """Its weight is in the sum, its metric in the log, and it saw the columns of the request set."""
    row = json.loads((run / "trainer_state.json").read_text())["log_history"][0]
    parts = [row[f"rewards/{name}/mean"] for name in ("pictures", "faithfulness", "short")]
    assert row["reward"] == pytest.approx(parts[0] + 2.0 * parts[1] + 0.5 * parts[2], abs=1e-5)
    assert -0.8 <= parts[2] <= -0.1
    assert 1 <= row["longest"] <= 8


def test_the_writer_has_learnt_and_loads_as_transformers_wrote_it(run: Path, writer: Path) -> None:
    before, after = weights(writer), weights(run / "writer")
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert all(torch.equal(tensor, weights(run / "checkpoint-2")[name]) for name, tensor in after.items())
    model, tokenizer = (kind.from_pretrained(run / "writer") for kind in (AutoModelForCausalLM, AutoTokenizer))
    assert model(**tokenizer("draw a cyan circle =>", return_tensors="pt")).logits.shape[:2] == (1, 5)


def test_evaluations_grids_and_report_are_those_of_any_run(run: Path) -> None:
    read = read_run(run)
    assert list(read.evaluations) == [0, 1, 2]
    for values in read.evaluations.values():
        assert values.keys() >= {"reward", "rewards/scenes", "scenes/strict", "faithfulness"}
        assert len(values["faithfulness"]) == 4
    captions = [caption for caption, _ in read_grid(run / "grids" / "step-000002.png")]
    assert len(captions) == 4
    assert all(caption.split("\n-> ")[0] in REQUESTS for caption in captions)
    assert (summary(read)["state"], summary(read)["iterations"], read.algorithm) == ("finished", 2, "trl-grpo")
    page = (run / "report.html").read_text()
    assert "trl-grpo" in page
    assert "num generations" in page


def test_what_a_step_costs_is_counted(run: Path) -> None:
    """8 completions from 2 noises each, by 2 steps; each distinct prompt is encoded and drawn once."""
    for row in read_run(run).iterations:
        assert 1 <= row["encodes"] <= 8
        assert 2 * row["encodes"] <= row["decodes"] <= 16
        assert row["forwards"] == 2 * row["decodes"]
        assert row["step_time"] > 0


def test_the_terminal_tells_what_was_gained_and_shows_prompts(run: Path) -> None:
    said = (run / "said.txt").read_text()
    assert "Held-out reward" in said
    assert "faithfulness" in said
    assert f"genrl sample scenes --prompter {run}" in said.replace("\n", "")
    assert any(f"{request} ->" in said for request in REQUESTS)


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(run: Path, tmp_path: Path) -> None:
    stopped = tmp_path / "run"
    shutil.copytree(run, stopped)
    for folder in ("checkpoint-2", "writer"):
        shutil.rmtree(stopped / folder)
    rows = (run / "metrics.jsonl").read_text()
    train_prompter("--resume", str(stopped))
    assert all(torch.equal(tensor, weights(stopped / "writer")[name]) for name, tensor in weights(run / "writer").items())
    again = [json.loads(line) for line in (stopped / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in again] == [json.loads(line)["step"] for line in rows.splitlines()]
    assert (stopped / "evaluations" / "step-000002.json").read_text() == (run / "evaluations" / "step-000002.json").read_text()


def test_a_run_that_is_interrupted_saves_and_says_how_to_go_on(
    told: list[str], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = tmp_path / "run"
    extra = ["--text-reward", f"{run.parent / 'mine.py'}:short=0.5", "--max-steps", "2", "--output", str(again)]
    with monkeypatch.context() as patch:
        patch.setattr("genrl.interrupt.Interrupt.__call__", lambda self: True)
        said = train_prompter(*told, *extra, *sets(**{"grpo.save_steps": 100}))
    assert f"Stopped after step 1 and saved. Continue with: genrl train-prompter --resume {again}" in said
    assert [path.name for path in again.glob("checkpoint-*")] == ["checkpoint-1"]
    assert not (again / "writer").exists()
    refused = genrl("sample", "scenes", "--prompter", str(again), "--prompt", "x", code=2)
    assert "is not finished; continue it with" in refused
    train_prompter("--resume", str(again))
    assert all(torch.equal(tensor, weights(again / "writer")[name]) for name, tensor in weights(run / "writer").items())


def test_a_model_that_chats_is_given_a_conversation(told: list[str], tmp_path: Path) -> None:
    """And what it answers is read from one, in training as in the evaluations."""
    writer = write_writer(tmp_path / "chat", chat=True)
    seen = tmp_path / "mine.py"
    seen.write_text(
        "def seen(prompts, completions, **_):\n"
        "    assert all(prompt[-1]['role'] == 'user' for prompt in prompts)\n"
        "    return [float(completion[-1]['role'] == 'assistant') for completion in completions]\n"
    )
    own = {"writer.template": "say {request}", "evaluation.every": 0, "evaluation.samples": 2}
    extra = ["--writer", str(writer), "--text-reward", f"{seen}:seen", "--max-steps", "1", "--output", str(tmp_path / "run")]
    train_prompter(*told, *extra, *sets(**own))
    row = json.loads((tmp_path / "run" / "trainer_state.json").read_text())["log_history"][0]
    assert row["rewards/seen/mean"] == 1.0
    record = json.loads((tmp_path / "run" / "writer" / "prompter.json").read_text())
    assert (record["template"], record["max_new_tokens"]) == ("say {request}", 8)


def test_lora_trains_an_adapter_that_goes_on_being_trained(told: list[str], tmp_path: Path, run: Path) -> None:
    own = {"writer.weights": "lora", "writer.lora_rank": 2, "evaluation.every": 0, "evaluation.samples": 2}
    train_prompter(*told, "--max-steps", "1", "--output", str(tmp_path / "one"), *sets(**own))
    adapter = tmp_path / "one" / "writer" / "adapter_model.safetensors"
    assert max(tensor.shape[0] for name, tensor in load_file(adapter).items() if "lora_A" in name) == 2
    told = [*told, "--writer", str(tmp_path / "one")]
    train_prompter(*told, "--max-steps", "1", "--output", str(tmp_path / "two"), *sets(**own))
    first, second = (load_file(tmp_path / name / "writer" / "adapter_model.safetensors") for name in ("one", "two"))
    assert first.keys() == second.keys()
    moved = [float((second[name] - first[name]).abs().max()) for name in first if "lora_B" in name]
    assert 0.0 < max(moved) < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set=sampling.steps=3"], "sampling.steps = 2, so it cannot go on with 3"),
        (["--max-steps", "3"], "grpo.max_steps = 2, so it cannot go on with 3"),
        (["--seed", "1"], "run.seed = 0"),
        (["--model", "scenes"], "leave --config and --model out"),
    ],
)
def test_a_run_goes_on_as_it_began(run: Path, arguments: list[str], message: str) -> None:
    assert message in train_prompter("--resume", str(run), *arguments, code=2)
