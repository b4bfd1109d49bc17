"""A reward that does not read the request: faithfulness holds the writer to it, and the alarm tells when nothing does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from genrl.report import read_run
from genrl.scenes.grammar import SINGLE, all_scenes
from tests.tiny_writers import PADDED, build_model, build_tokenizer, sets, train_prompter

SCENES = [scene.prompt for scene in all_scenes() if scene.kind == SINGLE]
RED = """
import torch

def red(prompts, completions):
    return (completions[:, 0] - completions[:, 1:].mean(dim=1)).mean(dim=(1, 2)).mul(10).tolist()

red.media = "tensor"
"""
SETTINGS = {
    "grpo.max_steps": 24,
    "grpo.per_device_train_batch_size": 32,
    "grpo.num_generations": 8,
    "grpo.learning_rate": 0.002,
    "grpo.temperature": 1.5,
    "grpo.save_steps": 100,
    "writer.pictures": 1,
    "evaluation.every": 12,
    "evaluation.samples": 24,
    "prompts.heldout_count": 6,
}


@pytest.fixture(scope="module")
def copyist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A writer that repeats the request, for all it has learnt in two seconds."""
    folder, tokenizer = tmp_path_factory.mktemp("writers") / "copyist", build_tokenizer(**PADDED)
    model = build_model(len(tokenizer), hidden_size=64, intermediate_size=128)
    batch = tokenizer([f"{scene} => {scene} </s>" for scene in SCENES], return_tensors="pt")
    labels = batch["input_ids"].clone()
    labels[:, :4] = -100
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(120):
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def trained(copyist: Path, root: Path, weight: float) -> Path:
    (root / "red.py").write_text(RED)
    (root / "requests.txt").write_text("\n".join(SCENES))
    told = ["--writer", str(copyist), "--requests", str(root / "requests.txt"), "--reward", f"{root / 'red.py'}:red"]
    output = root / f"weight-{weight:g}"
    own = SETTINGS | {"writer.faithfulness_weight": weight}
    train_prompter(*told, "--output", str(output), "--device", "cpu", *sets(**own))
    return output


@pytest.mark.slow
def test_faithfulness_holds_and_the_alarm_tells_when_it_does_not(copyist: Path, tmp_path: Path) -> None:
    """At weight 1 the two are a draw. Prints what stands in the page on prompt writers."""
    runs = {weight: read_run(trained(copyist, tmp_path, weight)) for weight in (0.0, 0.5, 1.0, 2.0)}
    kept = {weight: run.evaluations[24]["faithfulness"].mean() for weight, run in runs.items()}
    red = {weight: run.evaluations[24]["reward"].mean() for weight, run in runs.items()}
    print("before", {name: runs[0.0].evaluations[0][name].mean() for name in ("faithfulness", "reward")})
    print("faithfulness", kept, "reward", red)
    assert runs[0.0].evaluations[0]["faithfulness"].mean() > 0.95
    assert list(kept.values()) == sorted(kept.values())
    assert (kept[0.0] < 0.7, kept[2.0] > 0.95) == (True, True)
    assert red[0.0] - red[2.0] > 0.3  # redder pictures are what it left the requests for
    names = [json.loads(line)["name"] for line in (runs[0.0].path / "alarms.jsonl").read_text().splitlines()]
    assert "prompt writer drifts" in names
    assert "prompt writer drifts" not in (runs[2.0].path / "alarms.jsonl").read_text()
