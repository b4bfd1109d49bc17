"""The starting configurations of examples/configs fit their pipelines' real signatures, and train on tiny ones."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import diffusers
import pytest
from accelerate.state import AcceleratorState
from typer.testing import CliRunner

from genrl.cli.app import app
from genrl.config import RunConfig, resolve
from genrl.models.requirements import RESERVED
from tests.tiny_pipelines import build

FOLDER = Path(__file__).parent.parent / "examples" / "configs"
FILES = sorted(FOLDER.glob("*.yaml"))


@dataclass(frozen=True)
class Facts:
    """Of a model: its pipeline, the tiny one of that class, what sizes have to divide by, and frames less one."""

    pipeline: str
    family: str
    size: int
    frames: int = 0


MODELS = {
    "black-forest-labs/FLUX.1-dev": Facts("FluxPipeline", "flux", 16),
    "stabilityai/stable-diffusion-3.5-medium": Facts("StableDiffusion3Pipeline", "sd3", 16),
    "Qwen/Qwen-Image": Facts("QwenImagePipeline", "qwen", 16),
    "Tongyi-MAI/Z-Image": Facts("ZImagePipeline", "z-image", 16),
    "Efficient-Large-Model/Sana_1600M_512px_diffusers": Facts("SanaPipeline", "sana", 32),
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers": Facts("WanPipeline", "wan", 16, 4),
    "Wan-AI/Wan2.2-T2V-A14B-Diffusers": Facts("WanPipeline", "wan-two-stage", 16, 4),
    "hunyuanvideo-community/HunyuanVideo": Facts("HunyuanVideoPipeline", "hunyuan", 16, 4),
    "Lightricks/LTX-Video": Facts("LTXPipeline", "ltx", 32, 8),
}
#: What the tiny pipelines cannot be asked for in full: their sizes, and templates written for their tokenizers.
SMALLER = ("height", "width", "num_frames", "max_sequence_length", "prompt_template")
#: Rewards of published models; a file may name no other.
REWARDS = {"pickscore", "clip-score", "hpsv2", "aesthetic", "ocr"}
QUICK = ("flux-dev-neighbor-grpo", "sd3.5-medium-mix-grpo", "wan2.1-1.3b-dance-grpo")

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def settled(path: Path) -> tuple[RunConfig, Facts]:
    config = resolve(config=path)
    return config, MODELS[config.model.path]


def test_every_model_has_a_file_and_the_readme_names_them_all() -> None:
    assert {resolve(config=path).model.path for path in FILES} == MODELS.keys()
    assert set(re.findall(r"\]\(([\w.-]+\.yaml)\)", (FOLDER / "README.md").read_text())) == {path.name for path in FILES}


@every_file
def test_every_value_says_whether_it_is_published(path: Path) -> None:
    for line in path.read_text().splitlines():
        if not line.startswith("#") and not line.endswith(":") and not line.startswith("  path: "):
            assert re.search(r"\S  # (published|ours)\b", line), f"{path.name}: {line}"
            assert len(line) <= 128


@every_file
def test_it_fits_the_pipelines_call(path: Path) -> None:
    config, facts = settled(path)
    call = dict(config.model.call)
    known = inspect.signature(getattr(diffusers, facts.pipeline).__call__).parameters
    assert call.keys() <= known.keys() - RESERVED.keys()
    assert call["height"] % facts.size == call["width"] % facts.size == 0
    assert ("num_frames" in call) == ("num_frames" in known) == bool(facts.frames)
    if facts.frames:
        assert call["num_frames"] % facts.frames == 1
    assert config.model.lora_targets == ()
    assert {reward.name for reward in config.rewards} <= REWARDS


@every_file
def test_it_passes_every_check_before_weights(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("prompts.txt").write_text("a cat\na dog\n")
    result = CliRunner().invoke(app, ["train", "--config", str(path), "--reward", "colorfulness", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "Nothing was run." in result.output


@pytest.fixture
def fresh_accelerator() -> Iterator[None]:
    """accelerate allows one precision in a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.parametrize("path", [pytest.param(p, id=p.stem, marks=[pytest.mark.slow] * (p.stem not in QUICK)) for p in FILES])
@pytest.mark.usefixtures("fresh_accelerator")
def test_it_trains_a_tiny_pipeline_of_the_same_class(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, but for sizes, the number of pictures, the reward and the device."""
    config, facts = settled(path)
    tiny = build(facts.family)
    assert type(tiny.pipe).__name__ == facts.pipeline
    monkeypatch.chdir(tmp_path)
    tiny.pipe.save_pretrained("tiny")
    Path("prompts.txt").write_text("a red cat\na blue dog\n")
    sets: dict[str, object] = {f"model.call.{name}": tiny.call[name] for name in SMALLER if name in tiny.call}
    sets |= {"train.prompts_per_iteration": 1, "evaluation.samples": 1, "evaluation.steps": 2, "prompts.heldout_count": 1}
    if config.model.call.get("num_frames") == 1:
        sets["model.call.num_frames"] = 1
    told = ["--model", "tiny", "--reward", "jpeg-size", "--max-steps", "2", "--device", "cpu", "--output", "run"]
    options = [f"--set={key}={json.dumps(value)}" for key, value in sets.items()]
    result = CliRunner().invoke(app, ["train", "--config", str(path), *told, *options])
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    trained = [row for row in rows if "optimizer_steps" in row]
    assert [row["step"] for row in trained] == [1, 2]
    assert all(row["optimizer_steps"] > 0 and row["grad_norm"] > 0 and row["skipped_updates"] == 0 for row in trained)
    assert Path("run/model/pytorch_lora_weights.safetensors").is_file()
