"""What stands in the way of training a prompt writer is one sentence with the cure, before any weights are read."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from transformers import BertConfig, LlamaConfig, PretrainedConfig, T5Config

from tests.tiny_writers import PADDED, build_tokenizer, sets, train_prompter, write_writer


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading anything fails the test."""

    def loaded(*_: object, **__: object) -> None:
        raise AssertionError("weights were read before the mistake was seen")

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", loaded)
    monkeypatch.setattr("diffusers.DiffusionPipeline.from_pretrained", loaded)
    monkeypatch.setattr("trl.GRPOTrainer.__init__", loaded)


def refused(told: list[str], tmp_path: Path, *arguments: str) -> str:
    said = train_prompter(*told, "--output", str(tmp_path / "run"), *sets(), *arguments, code=2)
    assert said.count("Error: ") == 1
    assert "Traceback" not in said
    assert not (tmp_path / "run" / "config.yaml").exists()
    return said


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "grpo.num_generation=4",
            "no field 'num_generation' (grpo.num_generation); did you mean 'num_generations'?",
        ),
        ("grpo.num_generations=many", "grpo.num_generations must be a whole number"),
        ("grpo.num_generations=1", "must be at least 2, got 1: a group of one has nothing to compare"),
        ("grpo.num_generations=3", "8 x 1 = 8 completions cannot be divided into groups of 3; set"),
        ("grpo.generation_batch_size=20", "TRL's GRPOConfig refuses these settings (grpo.NAME): generation_batch_size"),
        ("grpo.output_dir=here", "grpo.output_dir is decided by --output; leave it out."),
        ("grpo.per_device_train_batch_size=32", "has 4 requests to train on, but a batch takes 8"),
        ("train.learning_rate=1", "has no setting 'train.learning_rate'"),
        ("solver=heun", "has no setting 'solver'"),
        ("model.path=owner/other", "The flow model is given as --model"),
        ("run.save_steps=2", "run.save_steps means nothing to TRL, which trains the prompt writer; set grpo.save_steps."),
        ("writer.lora_rnk=2", "did you mean 'lora_rank'?"),
        ("writer.template=Write a prompt", "writer.template has no {request} in it"),
        ("writer.pad_token=<padd>", "has no token '<padd>' (writer.pad_token); did you mean '<pad>'?"),
        ("writer.faithfulness=content", "There is no faithfulness named 'content'; did you mean 'content-words'?"),
        ("prompts.column=wish", "has no column 'wish'; it has 'request', 'scene'"),
        ("rewards=[nothing]", "There is no reward named 'nothing'"),
    ],
)
def test_settings(told: list[str], tmp_path: Path, setting: str, message: str) -> None:
    assert message in refused(told, tmp_path, "--set", setting)


def test_no_writer(requests_file: Path, tmp_path: Path) -> None:
    said = refused(["--requests", str(requests_file)], tmp_path)
    assert "There is no prompt writer; give --writer" in said


def test_a_folder_that_is_not_there(told: list[str], tmp_path: Path) -> None:
    assert "There is no folder './no-such-lm'" in refused(told, tmp_path, "--writer", "./no-such-lm")
    (tmp_path / "empty").mkdir()
    assert "The configuration of the prompt writer" in refused(told, tmp_path, "--writer", str(tmp_path / "empty"))


SMALL = {"vocab_size": 64, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}


@pytest.mark.parametrize(
    "config",
    [
        T5Config(architectures=["T5ForConditionalGeneration"]),
        BertConfig(architectures=["BertForMaskedLM"]),
        LlamaConfig(**SMALL, architectures=["LlamaModel"]),
    ],
    ids=["encoder and decoder", "encoder", "no head"],
)
def test_a_model_that_is_no_causal_language_model(told: list[str], tmp_path: Path, config: PretrainedConfig) -> None:
    build_tokenizer(**PADDED).save_pretrained(tmp_path / "lm")
    config.save_pretrained(tmp_path / "lm")
    said = refused(told, tmp_path, "--writer", str(tmp_path / "lm"))
    assert f"is no causal language model but {config.architectures[0]}" in said


def test_a_tokenizer_without_padding_names_the_token_that_would_do(told: list[str], tmp_path: Path) -> None:
    folder = write_writer(tmp_path / "unpadded", special={"eos_token": "</s>"})
    said = refused(told, tmp_path, "--writer", str(folder))
    assert "has no padding token" in said
    assert "--set writer.pad_token='</s>'" in said


def test_a_tokenizer_without_an_end(told: list[str], tmp_path: Path) -> None:
    folder = write_writer(tmp_path / "endless", special={"pad_token": "<pad>"})
    assert "has no end-of-text token" in refused(told, tmp_path, "--writer", str(folder))


def test_a_request_set_without_requests(told: list[str], tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(json.dumps({"wish": "a cat"}) + "\n" + json.dumps({"wish": "a dog"}) + "\n")
    said = refused(told, tmp_path, "--requests", str(bad))
    assert "has no column 'prompt' or 'text' or 'request'; it has 'wish'" in said
    assert "name it with prompts.column" in said


def test_requests_whose_scene_nobody_knows(told: list[str], tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("something round\nsomething square\nsomething else\n")
    assert "give the requests a column 'scene'" in refused(told, tmp_path, "--requests", str(bad))


def test_a_flow_model_that_cannot_be_loaded(told: list[str], tmp_path: Path) -> None:
    assert "There is no model './nowhere'" in refused(told, tmp_path, "--model", "./nowhere")
    assert "has no model_index.json" in refused(told, tmp_path, "--model", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("short", "'short' is no reward of texts; give a function as module:function"),
        ("{file}:shrt", "has no function 'shrt'; did you mean 'short'?"),
        ("{file}:pictures", "Two rewards are called 'pictures'"),
    ],
)
def test_rewards_of_texts(told: list[str], tmp_path: Path, name: str, message: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def short(completions, **_): ...\ndef pictures(completions, **_): ...\n")
    assert message in refused(told, tmp_path, "--text-reward", name.format(file=file))


def test_without_trl(told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("genrl.prompter.grpo.find_spec", lambda name: None if name == "trl" else found(name))
    assert "needs TRL; run `pip install 'genrl-toolkit[prompter]'`" in refused(told, tmp_path)


def test_several_processes(told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genrl.launched.count", lambda: 2)
    assert "is trained by one process; start it without a launcher" in refused(told, tmp_path)


def test_an_output_that_holds_a_run(told: list[str], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("algorithm: {name: trl-grpo}\n")
    said = train_prompter(*told, "--output", str(tmp_path / "run"), *sets(), code=2)
    assert f"continue it with `genrl train-prompter --resume {tmp_path / 'run'}`" in said
    assert "There is no run in" in train_prompter("--resume", str(tmp_path), code=2)


def test_dry_run_prints_the_plan_and_leaves_nothing(told: list[str], tmp_path: Path) -> None:
    plan = train_prompter(*told, "--output", str(tmp_path / "run"), *sets(), "--dry-run")
    for part in ("2 requests x 4 prompts x 2 noises = 16 pictures of 2 steps", "scenes(partial=0.5) x 2", "Nothing was run."):
        assert part in plan
    assert not (tmp_path / "run").exists()
