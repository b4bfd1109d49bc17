"""Train the embedded prompt writer with TRL, several seeds and a random reward beside; write a table and a picture.

    python -m benchmarks.prompter
    python -m benchmarks.prompter --seeds 0 --output quick

Finished runs below `--runs` are kept and not repeated, so an interrupted benchmark goes on where it stopped. Seconds are
processor seconds of the whole command: loading, the evaluations before, between and after, and the report.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from genrl.evaluation import Evaluation
from genrl.monitoring.faithfulness import FAITHFULNESS
from genrl.reporting import load_evaluation
from genrl.tracking.grid import contact_sheet, read_grid

#: What each run adds to the command line. A random reward shows what chance does: nothing that is seen gets into training.
ARMS = {"pictures": [], "random": ["--reward", "random", "--reward", "scenes=0"]}
STRICT, COST = "scenes/strict", "cost.json"
HEAD = (
    "| reward | seed | processor seconds | strictly correct against the request | right scene written |\n"
    "|---|---|---|---|---|\n"
)


def train(arm: str, seed: int, folder: Path, extra: list[str]) -> None:
    """One run through the command line, as a user would start it."""
    if (folder / COST).exists():
        return
    command = [sys.executable, "-m", "genrl", "train-prompter", "--writer", "scenes", "--seed", str(seed)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, "--output", str(folder), *ARMS[arm], *extra], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    (folder / COST).write_text(json.dumps({"processor_seconds": seconds}))


def evaluations(folder: Path) -> tuple[Evaluation, Evaluation]:
    """The first and the last evaluation of a run."""
    steps = sorted(int(path.stem.removeprefix("step-")) for path in (folder / "evaluations").glob("step-*.json"))
    before, after = load_evaluation(folder, steps[0]), load_evaluation(folder, steps[-1])
    assert before is not None and after is not None, "their files were just listed"
    return before, after


def table(runs: dict[tuple[str, int], Path]) -> str:
    """A Markdown table: one row a run; the interval is of the paired difference, 95 %, by bootstrap."""
    lines = []
    for (arm, seed), folder in runs.items():
        before, after = evaluations(folder)
        gain = after.gain(before, STRICT)
        strict = " → ".join(f"{found.means()[STRICT]:.3f}" for found in (before, after))
        strict += f" ({gain.mean:+.3f}, {gain.low:+.3f} to {gain.high:+.3f})"
        named = " → ".join(f"{np.mean(found.values[FAITHFULNESS] == 1.0):.3f}" for found in (before, after))
        seconds = json.loads((folder / COST).read_text())["processor_seconds"]
        lines.append(f"| {arm} | {seed} | {seconds:.0f} | {strict} | {named} |\n")
    return HEAD + "".join(lines)


def picture(folder: Path, count: int) -> Image.Image:
    """The same held-out requests and noise before and after: request, what was written for it, and what was drawn."""
    grids = sorted((folder / "grids").glob("step-*.png"))
    rows, captions = [], []
    for path in (grids[0], grids[-1]):
        tiles = read_grid(path)[:count]
        rows.append([image for _, image in tiles])
        captions.append([caption.replace(" → ", "\n→ ") for caption, _ in tiles])
    return contact_sheet(rows, captions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--runs", type=Path, default=Path("runs/prompter-benchmark"))
    parser.add_argument("--output", type=Path, default=Path("runs/prompter"))
    parser.add_argument("--columns", type=int, default=6, help="requests in the picture")
    options, extra = parser.parse_known_args()
    runs = {(arm, seed): options.runs / f"{arm}-{seed}" for arm in options.arms for seed in options.seeds}
    for (arm, seed), folder in runs.items():
        train(arm, seed, folder, extra)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "prompter-table.md").write_text(table(runs))
    picture(next(iter(runs.values())), options.columns).save(options.output / "prompter.png")
    print((options.output / "prompter-table.md").read_text())


if __name__ == "__main__":
    main()
