"""The model card of exported weights: what they are, how to draw with them, what they were trained on and what came of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml
from huggingface_hub import ModelCard, ModelCardData

from genrl.config import RunConfig, to_plain
from genrl.config.text import dump
from genrl.evaluation import Evaluation
from genrl.export.record import Record
from genrl.export.snippet import EULER, evaluation_steps, snippet
from genrl.prompts.rows import BUILDERS
from genrl.registry import entry
from genrl.reporting import load_evaluation
from genrl.types import Paper

FILE = "README.md"
BEFORE, AFTER = "before.png", "after.png"
PROMPT = "a red circle left of a blue square"
VERSIONS = ("genrl", "python", "torch", "diffusers", "transformers", "accelerate", "peft", "device")


def write_card(folder: Path, run: Path, config: RunConfig, record: Record, repository: str = "") -> None:
    """Write the card and its pictures beside the weights in `folder`; `repository` is the id under which others load them."""
    last = max((step for step in _evaluated(run) if step <= record.step), default=0)
    pictures = [run / "grids" / f"step-{step:06d}.png" for step in (0, last)]
    shown = last > 0 and all(path.is_file() for path in pictures)
    if shown:
        for path, name in zip(pictures, (BEFORE, AFTER), strict=True):
            shutil.copyfile(path, folder / name)
    parts = [
        _what(config, record, repository),
        _pictures() if shown else "",
        "## Draw with it\n\n" + _use(config, record, repository),
        "## Rewards\n\n" + "\n".join(_rewards(config)),
        "## Held out\n\n" + _held_out(run, last),
        "## Training\n\n" + _training(config, record, run),
        _citation(_paper(record.algorithm)),
    ]
    text = "\n\n".join(part for part in parts if part)
    card = ModelCard(f"---\n{_metadata(config, record).to_yaml()}\n---\n\n{text}\n")
    card.save(folder / FILE)


def _metadata(config: RunConfig, record: Record) -> ModelCardData:
    task = "text-to-video" if record.pipeline.video else "text-to-image"
    lora = config.model.weights == "lora"
    on_hub, source = _on_hub(config.model.path), config.prompts.source
    return ModelCardData(
        base_model=config.model.path if on_hub else None,
        base_model_relation=("adapter" if lora else "finetune") if on_hub else None,
        datasets=[source] if _on_hub(source) else None,
        library_name="diffusers",
        pipeline_tag=task,
        tags=["genrl", record.algorithm, "reinforcement-learning", *(["lora"] if lora else []), task],
    )


def _what(config: RunConfig, record: Record, repository: str) -> str:
    kind = (
        f"A LoRA of rank {config.model.lora_rank} (alpha {config.model.lora_alpha})"
        if config.model.weights == "lora"
        else ("All weights")
    )
    paper = _paper(record.algorithm)
    method = f"[{paper.title}](https://arxiv.org/abs/{paper.arxiv})" if paper else "no published paper"
    average = " They are the exponential average over training." if config.train.ema_decay else ""
    title = repository.partition("/")[2] or f"{Path(config.model.path).name}, {record.algorithm}"
    return (
        f"# {title}\n\n{kind} of `{config.model.path}`, trained by reinforcement learning for {record.step} of "
        f"{config.train.max_steps} iterations with `{record.algorithm}` ({method}) in genrl.{average}"
    )


def _pictures() -> str:
    return (
        "The same held-out prompts and noise before training (above) and after it (below):\n\n"
        f"![before]({BEFORE})\n\n![after]({AFTER})"
    )


def _use(config: RunConfig, record: Record, repository: str) -> str:
    """The snippet, and the settings in words."""
    shift, scheduler = config.sampling.shift, record.pipeline.scheduler
    grid = "the pipeline's own grid" if shift is None else f"the even grid with shift {shift:g}"
    steps = f"{evaluation_steps(config)} Euler steps on {grid}"
    settings = {"steps": steps, **config.model.call, "weights": config.model.dtype, "autocast": config.train.mixed_precision}
    rows = [f"| {name} | {_cell(value)} |" for name, value in settings.items()]
    note = "The lines below take the same steps, and so does `genrl sample` with this folder."
    if shift is None and scheduler != EULER:
        note = (
            f"Below the pipeline's own solver, {scheduler}, takes the steps; `genrl sample` with this folder takes Euler steps."
        )
    code = snippet(config, record.pipeline, repository or ".", PROMPT)
    place = "" if repository else 'Run it in this folder, or put the folder\'s path in the place of `"."`. '
    table = "\n".join(["| the run was evaluated with | |", "|---|---|", *rows])
    return f"{table}\n\n{place}{note}\n\n```python\n{code}```"


def _rewards(config: RunConfig) -> Iterator[str]:
    yield "| reward | weight |"
    yield "|---|---|"
    for reward in config.rewards:
        yield f"| {_cell(Path(reward.name).name)} | {reward.weight:g} |"


def _held_out(run: Path, last: int) -> str:
    first, latest = load_evaluation(run, 0), load_evaluation(run, last)
    if first is None or latest is None or last == 0:
        return "Not measured after training."
    size = len(latest.values["reward"])
    head = [f"| after {last} iterations, {size} samples | before | after | paired difference (95 %) |", "|---|---|---|---|"]
    return "\n".join([*head, *_measured(first, latest)]) + "\n\nIntervals are 95 % bootstraps over samples."


def _measured(first: Evaluation, latest: Evaluation) -> Iterator[str]:
    for name in latest.values:
        label = name if name == "reward" or name.startswith("rewards/") else f"{name} (never trained on)"
        yield f"| {label} | {first.interval(name)} | {latest.interval(name)} | {latest.gain(first, name)} |"


def _training(config: RunConfig, record: Record, run: Path) -> str:
    path = run / "environment.yaml"
    versions = yaml.safe_load(path.read_text()) if path.is_file() else {}
    known = ", ".join(f"{name} {versions[name]}" for name in VERSIONS if versions.get(name))
    plain = to_plain(config)
    settings = {section: plain[section] for section in ("algorithm", "sampling", "model", "train", "evaluation")}
    prompts = config.prompts.source if _on_hub(config.prompts.source) else Path(config.prompts.source).name
    summary = "Settings, as `genrl train --config` reads them"
    return (
        f"Prompts: {prompts}. {f'Versions: {known}.' if known else ''}\n\n"
        f"<details><summary>{summary}</summary>\n\n```yaml\n{dump(settings)}```\n\n</details>"
    )


def _citation(paper: Paper | None) -> str:
    return f"## Citation\n\n```bibtex\n{paper.bibtex()}\n```" if paper else ""


def _paper(algorithm: str) -> Paper | None:
    return entry("algorithm", algorithm).facts.get("paper")


def _evaluated(run: Path) -> list[int]:
    return [int(path.stem.removeprefix("step-")) for path in (run / "evaluations").glob("step-*.json")]


def _on_hub(name: str) -> bool:
    path = Path(name).expanduser()
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", name)) and path.suffix not in BUILDERS and not path.exists()


def _cell(value: object) -> str:
    return re.sub(r"\s+", " ", str(value)).replace("|", "\\|")
