"""Wrong invocations, each with the message that a user would want. All exit with 2 and none shows a traceback."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from genrl.cli.app import app
from genrl.config import resolve, to_yaml
from genrl.scenes.folder import build_pipeline

OWN = "--model owner/name --reward jpeg-size --prompts some.txt"
#: A training that is over in a moment: a tiny model with random weights.
TINY = "--config tiny.yaml --reward random --prompts some.txt"

BAD_INPUT = [
    # Words
    ("trian", "No such command 'trian'. Did you mean 'train'?"),
    ("train --algos mix-grpo", "No such option: --algos"),
    ("train --seed one", "Invalid value for '--seed'"),
    ("train --algo neighbour-grpo", "There is no algorithm named 'neighbour-grpo'; did you mean 'neighbor-grpo'?"),
    ("show mixgrpo", "There is no algorithm named 'mixgrpo'; did you mean 'mix-grpo'?"),
    ("cite mixgrpo", "did you mean 'mix-grpo'?"),
    ("list solvers", "There is no kind of component named 'solvers'; did you mean 'solver'?"),
    ("check no-such-plugin", "no-such-plugin"),
    ("snr --batches 1", "Invalid value for '--batches'"),
    # Settings
    ("train --set sigma=0.2", "There is no setting 'sigma' at the top level; did you mean 'perturber.sigma'?"),
    ("train --set train.learning_rat=1e-4", "There is no setting 'train.learning_rat'; did you mean 'learning_rate'?"),
    ("train --set solver=hewn", "There is no solver named 'hewn'; did you mean 'heun'?"),
    ("train --set perturber.sigma=abc", "perturber.sigma must be a number, got 'abc'."),
    ("train --set perturber.sigma=2", "must lie in [0, 1], got 2.0"),
    ("train --set train.rows=0", "train.rows must be at least 1, got 0."),
    ("train --set train.learning_rate=.nan", "train.learning_rate must be a finite number"),
    ("train --set train.schedule=cosin", "must be constant, linear or cosine, got 'cosin'; did you mean 'cosine'?"),
    ("train --set sampling.steps=true", "sampling.steps must be a whole number, got True."),
    ("train --set train_solver=heun", "heun asks the network 2 times a step"),
    ("train --set heun", "--set takes KEY=VALUE such as perturber.sigma=0.2, got 'heun'."),
    ("train --set train.betas=[0.9", "The value of --set train.betas is not valid YAML"),
    ("train --set regularizers.kl.beta=1", "regularizers has no item 'kl'"),
    ("train --max-steps 0", "train.max_steps must be at least 1, got 0."),
    ("train --preset scene", "There is no preset named 'scene'; did you mean 'scenes'?"),
    # Files of settings
    ("train --config absent.yaml", "There is no configuration file 'absent.yaml'"),
    ("train --config broken.yaml", "broken.yaml is not valid YAML, line 3"),
    ("train --config twice.yaml", "twice.yaml: The key 'rows' is given twice (line 3); keep one."),
    ("train --config list.yaml", "list.yaml must hold a mapping"),
    ("train --config typo.yaml", "typo.yaml: There is no setting 'sampling.step'; did you mean 'steps'?"),
    ("train --config mix.yaml --algo dance-grpo", "sets fields of mix-grpo, but dance-grpo is asked for"),
    # Combinations
    ("train --set sampling.group_size=1 --set anchors.count=1", "softmax-distance needs sampling.group_size >= 2, got 1."),
    ("train --set anchors.count=20", "anchors.count is 20 but a group has 12 members"),
    ("train --algo flow-grpo --set solver=euler", "gaussian scores noise, but euler is an ODE solver"),
    ("train --set solver=flow-sde --set steps.stochastic=true", "softmax-distance is a policy over ODE trajectories"),
    ("train --algo mix-grpo --set sampling.steps=3", "A window of 4 steps does not fit"),
    ("train --device cuda", "The device 'cuda' is not available"),
    ("train --device gpu", "run.device must be auto, cpu, cuda or mps, got 'gpu'"),
    # Models
    ("train --model ./absent", "There is no model './absent'"),
    ("train --model scens", "no built-in model; did you mean 'scenes'?"),
    ("train --model empty", "it has no model_index.json"),
    ("train --model some.txt", "'some.txt' is a file; give the folder of a diffusers pipeline"),
    ("train --model owner/name --prompts some.txt", "Nothing is rewarded; give --reward NAME."),
    ("train --model owner/name --reward jpeg-size", "There are no prompts; give --prompts"),
    (f"train {TINY} --set model.call.hight=32", "hight"),
    # Rewards
    (f"train {OWN} --reward jpeg-sise", "There is no reward named 'jpeg-sise'; did you mean 'jpeg-size'?"),
    (f"train {OWN} --reward random=much", "rewards.random.weight must be a number, got 'much'."),
    (f"train {OWN} --reward no_module_here:f", "There is no module 'no_module_here'"),
    (f"train {OWN} --reward rewards_of_mine.py:good", "rewards_of_mine.py has no function 'good'"),
    (f"train {OWN} --reward rewards_of_mine.py:deaf", "does not take the keyword 'prompts'"),
    (f"train {OWN} --reward jpeg-size", "The reward 'jpeg-size' is given twice"),
    (f"train {OWN} --set rewards.jpeg-size.options.qality=3", "has no option 'qality'; did you mean 'quality'?"),
    (f"train {TINY} --reward rewards_of_mine.py:nan", "'nan' answered nan for row 0"),
    (f"train {TINY} --reward rewards_of_mine.py:short", "'short'"),
    (f"train {TINY} --reward rewards_of_mine.py:broken", "'broken'"),
    (f"train {TINY} --reward scenes", "scene"),
    # Prompts
    ("train --prompts absent.txt", "There is no file or directory 'absent.txt'"),
    ("train --prompts nothing.txt", "nothing.txt is empty"),
    ("train --prompts picture.png", "picture.png is no prompt file"),
    ("train --prompts empty", "The directory empty holds no prompt file"),
    ("train --prompts scens", "did you mean 'scenes'?"),
    ("train --prompts captions.jsonl", "caption"),
    ("train --prompts hole.jsonl", "empty"),
    ("train --prompts some.txt --set prompts.heldout=some.txt", "held"),
    # Servers
    (f"train {OWN} --reward remote --set rewards.remote.options.url=http://127.0.0.1:9", "127.0.0.1:9/health gives no answer"),
    (f"train {OWN} --reward vlm-judge", "needs the option model; `curl http://127.0.0.1:8000/v1/models` lists them."),
    (f"train {OWN} --reward remote --set rewards.remote.options.url=file:///etc", "only http://HOST:PORT and https://HOST"),
    (
        f"train {OWN} --reward remote --set rewards.remote.options.encoding=gif",
        "must be png, webp, jpeg or safetensors",
    ),
    ("serve-reward jpeg-sise", "There is no reward named 'jpeg-sise'; did you mean 'jpeg-size'?"),
    ("serve-reward jpeg-size --option qality=3", "has no option 'qality'; did you mean 'quality'?"),
    ("serve-reward jpeg-size --option quality", "--option takes KEY=VALUE such as quality=90, got 'quality'."),
    ("serve-reward jpeg-size --api-key-env NO_SUCH_KEY", "NO_SUCH_KEY is not set; `export NO_SUCH_KEY=...` first."),
    ("serve-reward jpeg-size --host 192.0.2.1", "192.0.2.1:8100 cannot be listened on"),
    # Folders
    ("train --output done", "'done' already holds a run; continue it with `genrl train --resume done`"),
    ("train --output some.txt/run", "cannot be written"),
    ("train --resume absent", "There is no run in 'absent'"),
    ("train --resume done --config tiny.yaml", "leave --config and --preset out"),
    ("train --resume done --set sampling.steps=4", "has sampling.steps = 3, so it cannot go on with 4"),
    ("train --resume done --algo mix-grpo", "The run trains with neighbor-grpo, not mix-grpo"),
    ("train --resume half", "damaged"),
    ("sample scenes", "Missing option '--prompt'"),
    ("sample ./absent --prompt cat", "There is no model './absent'"),
    ("sample done --prompt cat", "The run done is not finished; continue it with `genrl train --resume done`."),
    ("sample scenes --prompt cat --tuned-share 0.5", "'scenes' is no run, so no share of its steps is tuned"),
    ("sample scenes --prompt cat --tuned-share 1.5", "Invalid value for '--tuned-share'"),
    ("sample scenes --prompt cat --compare-base", "'scenes' is no run, so there is nothing to compare"),
]

FILES = {
    "tiny.yaml": """
        model: {path: tiny, weights: full, call: {guidance_scale: 1.0, use_resolution_binning: false}}
        sampling: {steps: 3, group_size: 4}
        anchors: {count: 2}
        train: {max_steps: 1, prompts_per_iteration: 1}
        evaluation: {samples: 1, grid: 1}
        prompts: {heldout_count: 1}
        run: {device: cpu}
        """,
    "broken.yaml": "train:\n  rows: [1\n",
    "twice.yaml": "train:\n  rows: 1\n  rows: 2\n",
    "list.yaml": "- train\n",
    "typo.yaml": "sampling: {step: 3}\n",
    "mix.yaml": "algorithm: {name: mix-grpo, update_every: 2}\n",
    "some.txt": "a cat\na dog\n",
    "nothing.txt": "\n\n",
    "picture.png": "no picture",
    "captions.jsonl": '{"caption": "a cat"}\n{"caption": "a dog"}\n',
    "hole.jsonl": '{"prompt": "a cat"}\n{"prompt": " "}\n{"prompt": "a dog"}\n',
    "rewards_of_mine.py": """
def nan(prompts, completions, **columns): return [float("nan")] * len(prompts)
def short(prompts, completions, **columns): return [1.0] * (len(prompts) + 1)
def broken(prompts, completions, **columns): raise KeyError("no such column")
def deaf(completions): return [0.0] * len(completions)
""",
    "half/checkpoints/checkpoint-000001/manifest.json": '{"state.json": "0123"}',
    "half/checkpoints/checkpoint-000001/state.json": '{"step": 1',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of all invocations: files that are wrong in one way each, and a tiny model."""
    root = tmp_path_factory.mktemp("bad")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "empty").mkdir()
    torch.manual_seed(0)
    build_pipeline().save_pretrained(root / "tiny")
    flags = {"rewards": "random", "prompts.source": "some.txt"}
    for run in ("done", "half"):
        (root / run).mkdir(exist_ok=True)
        (root / run / "config.yaml").write_text(to_yaml(resolve(config=root / "tiny.yaml", flags=flags)))
    return root


@pytest.mark.filterwarnings("ignore:.*is damaged")
@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT)
def test_bad_input(arguments: str, message: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = CliRunner().invoke(app, shlex.split(arguments), env={"COLUMNS": "300", "TERM": "dumb", "GENRL_TRACEBACK": ""})
    assert result.exit_code == 2, f"{result.output}\n{result.exception!r}"
    said = " ".join(result.stderr.split())
    assert message in said
    assert "Traceback" not in said


def test_the_table_is_long_enough() -> None:
    assert len(BAD_INPUT) >= 25
    assert len({arguments for arguments, _ in BAD_INPUT}) == len(BAD_INPUT)
