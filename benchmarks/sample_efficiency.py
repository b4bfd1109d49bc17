"""Train every registered recipe on the embedded model with several seeds; draw one table, one figure, one comparison picture.

    python benchmarks/sample_efficiency.py --output docs/benchmarks
    python benchmarks/sample_efficiency.py --algorithms neighbor-grpo --seeds 0 --output quick

Finished runs below `--runs` are kept and not repeated, so an interrupted benchmark goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from genrl.models import load_model
from genrl.policy import WeightedPolicy
from genrl.randomness import Randomness
from genrl.registry import entries
from genrl.report.cost import NETWORK
from genrl.reporting import load_evaluation
from genrl.rollout import walk
from genrl.scenes.folder import MODEL_FOLDER
from genrl.scenes.prompts import held_out_prompts
from genrl.schedule import shift_grid
from genrl.solvers import Euler
from genrl.spec import from_spec
from genrl.tracking.grid import contact_sheet, tile, to_uint8
from genrl.types import Prompt, Sampling, StepPlan

#: Recipes of the comparison picture, one or two of each family.
SHOWN = ("mix-grpo", "dance-grpo", "neighbor-grpo", "dgpo", "diffusion-nft", "draft")
#: The strong ones first.
COLOURS = (*plt.cm.tab20.colors[::2], *plt.cm.tab20.colors[1::2])
CALL = {"guidance_scale": 1.0, "use_resolution_binning": False}


def train(algorithm: str, seed: int, folder: Path, extra: list[str]) -> None:
    """One run through the command line, as a user would start it."""
    if (folder / "model").exists():
        return
    command = [sys.executable, "-m", "genrl", "train", "--algo", algorithm, "--seed", str(seed), "--output", str(folder)]
    subprocess.run([*command, *extra], check=True)


def curve(folder: Path) -> dict[str, np.ndarray]:
    """Held-out numbers of a run against wall seconds of training and network evaluations (rows, with or without gradient)."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    seconds = evaluations = 0.0
    points = []
    for row in rows:
        if "step_time" in row:
            seconds += row["step_time"]
            evaluations += sum(row.get(name, 0.0) for name in NETWORK)
        else:
            points.append((seconds, evaluations, row["eval/reward"], row["eval/scenes/strict"], row["eval/scenes/quality"]))
    names = ("seconds", "evaluations", "reward", "strict", "quality")
    return dict(zip(names, np.array(points).T, strict=True))


def gain(folder: Path, name: str) -> tuple[float, float, float]:
    """(before, after, half-width of the 95 % interval of the paired difference) of a per-sample number."""
    steps = sorted(int(path.stem.removeprefix("step-")) for path in (folder / "evaluations").glob("step-*.json"))
    before, after = (load_evaluation(folder, step) for step in (steps[0], steps[-1]))
    assert before is not None and after is not None, "their files were just listed"
    difference = after.gain(before, name)
    return before.interval(name).mean, after.interval(name).mean, (difference.high - difference.low) / 2


def table(runs: dict[str, list[Path]]) -> str:
    """A Markdown table: one row a run."""
    lines = [
        "| recipe | seed | iterations | seconds | network evaluations | reward | strictly correct | rendering quality |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for algorithm, folders in runs.items():
        for seed, folder in enumerate(folders):
            points = curve(folder)
            steps = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["step"]
            cells = []
            for name in ("reward", "scenes/strict", "scenes/quality"):
                before, after, half = gain(folder, name)
                cells.append(f"{before:.3f} → {after:.3f} ({after - before:+.3f} ± {half:.3f})")
            numbers = f"{points['seconds'][-1]:.0f} | {points['evaluations'][-1]:,.0f}"
            lines.append(f"| {algorithm} | {seed} | {steps} | {numbers} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def family(algorithm: str) -> str:
    """The class behind a recipe, in words: PolicyGradient -> policy gradient."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(from_spec("algorithm", algorithm)).__name__).lower()


def figure(runs: dict[str, list[Path]], path: Path) -> None:
    """Held-out reward against network evaluations and against wall time, a row of panels a family; a band spans the seeds."""
    families: dict[str, list[str]] = {}
    for algorithm in runs:
        families.setdefault(family(algorithm), []).append(algorithm)
    size = {"figsize": (11, 1.2 + 3.0 * len(families)), "constrained_layout": True}
    panels, axes = plt.subplots(len(families), 2, sharey=True, sharex="col", squeeze=False, **size)
    for row, (title, algorithms) in zip(axes, families.items(), strict=True):
        for colour, algorithm in zip(COLOURS, algorithms, strict=False):
            draw_curves(row, [curve(folder) for folder in runs[algorithm]], algorithm, colour)
        row[0].set_ylabel("held-out reward")
        row[0].set_title(title, loc="left", fontsize=11)
        row[1].legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axis, label in zip(axes[-1], ("network evaluations", "seconds of training"), strict=True):
        axis.set_xlabel(label)
    for axis in axes.flat:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    panels.savefig(path, dpi=130)


def draw_curves(axes: np.ndarray, curves: list[dict[str, np.ndarray]], label: str, colour: tuple[float, ...]) -> None:
    """One recipe in the two panels of its family."""
    count = min(len(points["reward"]) for points in curves)
    reward = np.array([points["reward"][:count] for points in curves])
    for axis, name in zip(axes, ("evaluations", "seconds"), strict=True):
        x = np.mean([points[name][:count] for points in curves], axis=0)
        axis.plot(x, reward.mean(axis=0), color=colour, label=label, marker=".", markersize=5)
        axis.fill_between(x, reward.min(axis=0), reward.max(axis=0), color=colour, alpha=0.18, linewidth=0)


def comparison(runs: dict[str, list[Path]], path: Path, steps: int, count: int = 8) -> None:
    """The same held-out prompts and noise; base and recipes side by side, one row a prompt."""
    prompts = [Prompt(text, index=i) for i, text in enumerate(chosen_prompts(count))]
    folders = {"base": MODEL_FOLDER} | {name: folders[0] / "model" for name, folders in runs.items()}
    columns = [to_uint8(draw(folder, prompts, steps)) for folder in folders.values()]
    rows = [[tile(column[i]) for column in columns] for i in range(count)]
    captions = [[prompt.text] + [""] * (len(columns) - 1) for prompt in prompts]
    contact_sheet(rows, captions, list(folders)).save(path)


def chosen_prompts(count: int) -> list[str]:
    """Held-out prompts, the kinds mixed."""
    prompts = held_out_prompts()
    return [prompts[i * len(prompts) // count] for i in range(1, count)] + [prompts[0]]


def draw(folder: Path, prompts: list[Prompt], steps: int) -> torch.Tensor:
    """Pictures (N, 3, H, W) of a pipeline folder, from noise that depends on the prompt's position alone."""
    policy = WeightedPolicy(load_model(str(folder), call=CALL))
    policy.encode([prompt.text for prompt in prompts])
    rng = Randomness(("comparison",))
    noise = torch.stack([torch.randn(policy.latent_shape(), generator=rng.generator(p.index)) for p in prompts])
    plan = StepPlan(shift_grid(steps, 3.0), (False,) * steps, torch.zeros(0, dtype=torch.long))
    with torch.no_grad():
        groups = walk(policy, prompts, noise, Euler(), plan, Sampling(), [])
        return policy.decode(torch.cat([group.final for group in groups]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithms", nargs="+", default=sorted(entries("algorithm")))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--steps", type=int, default=8, help="Euler steps of the comparison picture")
    options, extra = parser.parse_known_args()
    runs = {name: [options.runs / f"{name}-{seed}" for seed in options.seeds] for name in options.algorithms}
    for name, folders in runs.items():
        for seed, folder in zip(options.seeds, folders, strict=True):
            train(name, seed, folder, extra)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "table.md").write_text(table(runs))
    figure(runs, options.output / "curves.png")
    comparison({name: runs[name] for name in SHOWN if name in runs}, options.output / "comparison.png", options.steps)
    print((options.output / "table.md").read_text())


if __name__ == "__main__":
    main()
