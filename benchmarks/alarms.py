"""Does a run that hacks its reward raise the alarm, and does a healthy one stay silent? Three seeds of each, and a table.

    python benchmarks/alarms.py
    python benchmarks/alarms.py --seeds 0 --runs quick

Finished runs below `--runs` are kept and not repeated. Alarms are raised again from what the runs measured, so other thresholds
can be tried on the same runs: --set alarms.fall=0.3.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from genrl.config import resolve
from genrl.monitoring import Watch
from genrl.report import RunFolder, read_run

#: Short runs of the default recipe that fit on one core.
SHARED = ("train.max_steps=20", "train.prompts_per_iteration=4", "evaluation.every=5", "evaluation.samples=96", "run.threads=1")
#: The embedded model can only be hacked by a reward that knows nothing of the prompt, at a rate that does not fade.
HACKED = ("train.learning_rate=3e-4", "train.schedule=constant")
KINDS = {
    "hacked": ["--reward", "colorfulness=1", "--reward", "scenes=0", *(f"--set={setting}" for setting in HACKED)],
    "healthy": [],
}
SHOWN = ("reward", "rewards/scenes", "scenes/strict")


def train(kind: str, seed: int, folder: Path) -> RunFolder:
    """One run through the command line, as a user would start it."""
    if not (folder / "model").exists():
        shared = [f"--set={setting}" for setting in SHARED]
        command = [sys.executable, "-m", "genrl", "train", "--seed", str(seed), "--output", str(folder)]
        subprocess.run([*command, *shared, *KINDS[kind]], check=True)
    return read_run(folder)


def alarms(run: RunFolder, sets: list[str]) -> str:
    """Step and name of each alarm, in order."""
    trained = frozenset(reward["name"] for reward in run.config["rewards"] if reward["weight"])
    found = Watch(resolve(sets=sets).alarms, trained).replay(run.iterations, run.evaluations)
    return "; ".join(f"{alarm.step}: {alarm.name}" for alarm in found) or "none"


def row(kind: str, seed: int, run: RunFolder, sets: list[str]) -> str:
    first, last = (list(run.evaluations.values())[k] for k in (0, -1))
    numbers = [f"{first[name].mean():.3f} → {last[name].mean():.3f}" for name in SHOWN]
    return f"| {kind} | {seed} | " + " | ".join(numbers) + f" | {alarms(run, sets)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/alarms"))
    parser.add_argument("--set", action="append", default=[], metavar="alarms.KEY=VALUE", help="other thresholds")
    options = parser.parse_args()
    runs = [(kind, seed, train(kind, seed, options.runs / f"{kind}-{seed}")) for kind in KINDS for seed in options.seeds]
    print(
        "| run | seed | reward trained on | `rewards/scenes` | `scenes/strict` | alarms, by step |\n|---|---|---|---|---|---|"
    )
    print("\n".join(row(kind, seed, run, options.set) for kind, seed, run in runs))


if __name__ == "__main__":
    main()
