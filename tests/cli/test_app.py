"""The commands, and what the command line promises as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

import genrl
from genrl.cli.app import app
from genrl.config import RunConfig, resolve
from genrl.errors import GenrlError
from genrl.registry import entries, kinds

HEAVY = ("torch", "diffusers", "transformers", "datasets", "numpy", "httpx2", "uvicorn", "genrl.types")


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[RunConfig, bool]]:
    """What `genrl train` would start, without starting it; in an empty working directory."""
    calls: list[tuple[RunConfig, bool]] = []

    def start(config: RunConfig, resume: bool = False) -> int:
        calls.append((config, resume))
        return 0

    monkeypatch.setitem(sys.modules, "genrl.run", SimpleNamespace(start=start))
    monkeypatch.setattr("genrl.config.checks.check_model", lambda model: None)
    monkeypatch.chdir(tmp_path)
    return calls


@pytest.mark.parametrize(
    "command", ["--help", "train --help", "train-prompter -h", "sample -h", "serve-reward -h", "--version"]
)
def test_help_answers_without_heavy_libraries(command: str) -> None:
    code = (
        "import sys\nfrom genrl.cli.app import app\n"
        f"try: app({command.split()!r})\n"
        f"except SystemExit as end: assert not end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\nassert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "genrl" in done.stdout


def test_import_is_lazy_and_complete() -> None:
    code = "import sys, genrl; from genrl import register; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert all(getattr(genrl, name) is not None for name in genrl.__all__)
    assert set(genrl.__all__) - {"__version__"} == set(genrl._HOME_OF)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = genrl.nothing


FLAGS = {
    "train": "--accelerate-config --algo --config --device --dry-run --max-steps --model --output --preset --prompter"
    " --prompts --push-to-hub --resume --resume-weights-only --reward --seed --set",
    "train-prompter": "--config --device --dry-run --max-steps --model --output --requests --resume --reward --seed --set"
    " --text-reward --writer",
    "train-together": "--algo --config --device --model --output --requests --resume --reward --rounds --seed --set --writer",
    "compare": "--device --output --prompter --prompts --re-evaluate --reward --samples --seed --set --steps",
    "eval": "--device --output --prompts --reward --samples --seed --set --steps",
    "export": "--checkpoint --output --push-to-hub --set",
    "sample": "--compare-base --count --device --output --prompt --prompter --seed --set --steps --tuned-share",
    "runs": "--json",
    "report": "",
    "snr": "--batches --config --device --model --preset --prompts --reward --seed --set",
    "doctor": "--config-only --device --reward --set --steps",
    "bench": "--algo --device --json --model --set",
    "estimate": "--algo --config --gpu --json --model --preset --set --utilisation",
    "list": "",
    "show": "--preset --set",
    "cite": "",
    "check": "",
    "serve-reward": "--api-key-env --concurrency --host --max-batch --max-megabytes --max-megapixels --option --port",
}


def test_the_flags_are_these_and_no_others() -> None:
    """Hyperparameters go through --set. A new flag is a decision, so it has to be made here as well."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    found = {
        name: " ".join(sorted(option for p in command.params for option in p.opts if option.startswith("--")))
        for name, command in commands.items()
    }
    assert found == FLAGS


def test_version() -> None:
    assert run("--version") == f"genrl {genrl.__version__}\n"


def test_train_with_no_options_is_neighbor_grpo_on_scenes(started: list[tuple[RunConfig, bool]]) -> None:
    run("train")
    ((config, resume),) = started
    assert (config.algorithm_name, config.model.path, config.prompts.source) == ("neighbor-grpo", "scenes", "scenes")
    assert [reward.name for reward in config.rewards] == ["scenes"]
    assert (config.run.output, resume) == ("runs/neighbor-grpo-scenes-1", False)
    Path(config.run.output).mkdir(parents=True)
    run("train")
    assert started[1][0].run.output == "runs/neighbor-grpo-scenes-2"


def test_flags_of_train_are_settings(started: list[tuple[RunConfig, bool]]) -> None:
    Path("some.txt").write_text("a cat\n")
    Path("run.yaml").write_text("train: {rows: 3, max_steps: 2}\nrun: {seed: 1}\n")
    said = "--algo mix-grpo --model owner/name --reward jpeg-size=-0.5 --reward random --prompts some.txt"
    changed = "--config run.yaml --set train.rows=4 --set steps.size=2 --output out --seed 5 --max-steps 9 --device cpu"
    run("train", *said.split(), *changed.split())
    config = started[0][0]
    assert config == resolve(
        "mix-grpo",
        config={
            "model": {"path": "owner/name"},
            "rewards": {"jpeg-size": -0.5, "random": 1.0},
            "prompts": {"source": "some.txt"},
            "train": {"rows": 4, "max_steps": 9},
            "steps": {"size": 2},
            "run": {"output": "out", "seed": 5, "device": "cpu"},
        },
    )


def test_dry_run_prints_the_plan_and_leaves_nothing(started: list[tuple[RunConfig, bool]]) -> None:
    plan = run("train", "--dry-run", "--set", "sampling.group_size=5", "--set", "train.prompts_per_iteration=3")
    for part in ("neighborhood(sigma=0.3)", "3 prompts x 5 members = 15 pictures", "scenes x 1", "Nothing was run."):
        assert part in plan
    assert started == []
    assert list(Path().iterdir()) == []


def test_resume_hands_over_the_runs_own_configuration(started: list[tuple[RunConfig, bool]]) -> None:
    from genrl.config import to_yaml

    run("train", "--algo", "mix-grpo", "--seed", "3", "--output", "one", "--set", "train.schedule=constant")
    first = started[0][0]
    Path("one").mkdir()
    Path("one/config.yaml").write_text(to_yaml(first))
    run("train", "--resume", "one", "--max-steps", "77")
    config, resume = started[1]
    assert resume
    assert (config.algorithm, config.run) == (first.algorithm, first.run)
    assert config.train.max_steps == 77


def test_list_shows_every_name() -> None:
    listed = run("list")
    for kind in kinds():
        for name in entries(kind):
            assert name in listed, (kind, name)
    solvers = run("list", "solver")
    assert "dpmpp" in solvers
    assert "order=2" in solvers
    assert "neighborhood" not in solvers


@pytest.mark.parametrize("name", sorted(entries("algorithm")))
def test_show_is_a_configuration_that_says_where_it_comes_from(name: str, tmp_path: Path) -> None:
    shown = run("show", name, "--set", "sampling.group_size=5")
    assert f"arXiv:{entries('algorithm')[name].facts['paper'].arxiv}" in shown
    (tmp_path / "run.yaml").write_text(shown)
    assert resolve(config=tmp_path / "run.yaml") == resolve(name, preset="none", sets=["sampling.group_size=5"])


def test_cite() -> None:
    assert run("cite", "mix-grpo").startswith("@article{")
    assert "2507.21802" in run("cite", "mix-grpo")


def test_an_error_is_one_sentence_and_its_traceback_is_there_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(app, ["cite", "mixgrpo"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: There is no algorithm named 'mixgrpo'; did you mean 'mix-grpo'?")
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("GENRL_TRACEBACK", "1")
    assert isinstance(CliRunner().invoke(app, ["cite", "mixgrpo"]).exception, GenrlError)


def test_interrupt_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("genrl.config.resolve", interrupted)
    run("train", code=130)
