"""Kill small runs at random moments until they are through, and compare each end with that of an undisturbed run.

    python -m benchmarks.kill_and_resume --kills 200

A kill is SIGKILL to a process of its own. A third comes at a random time, a third before a random operation on the run's files,
a third while a checkpoint is written. After each one every checkpoint that passes its manifest is compared with the undisturbed
run's of that step, and a copy of the newest is damaged at random, which its manifest has to notice. Children are forked from
one process that has imported everything and has run nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import peft

from benchmarks.killing import Child, damage, differences, same_checkpoint
from genrl import checkpoint
from genrl.config import RunConfig, resolve, resumed
from tests.tiny_pipelines import build

#: Libraries that a run imports when it needs them: children find them imported.
IMPORTED = (datasets, peft)
KINDS = ("at a random time", "before an operation on a file", "while a checkpoint is written")
#: A run of a second or two with everything that changes: averages, evaluations, the best of them.
COMMON: dict[str, Any] = {
    "run.device": "cpu",
    "run.threads": 1,
    "run.save_steps": 1,
    "train.max_steps": 5,
    "train.prompts_per_iteration": 2,
    "train.learning_rate": 1e-3,
    "train.ema_decay": 0.9,
    "sampling.group_size": 4,
    "sampling.steps": 2,
    "sampling.shift": 2.0,
    "evaluation.samples": 2,
    "evaluation.every": 2,
    "prompts.heldout_count": 2,
    "rewards": ["colorfulness"],
}
#: Recipe -> the family of its model, and what it adds.
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "neighbor-grpo": ("sd3", {"model.lora_rank": 2, "steps.fraction": 1.0}),
    "dance-grpo": ("prx", {"model.lora_rank": 2, "steps.fraction": 1.0}),
    "mix-grpo": ("sd3", {"model.weights": "full", "steps.size": 1, "regularizers": ["kl-velocity"]}),
}


@dataclass
class Tally:
    """Kills by kind, runs that are through, checkpoints that were compared, damages that were noticed, and what was wrong."""

    kills: Counter[str] = field(default_factory=Counter)
    ends: int = 0
    compared: int = 0
    noticed: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{self.kills[kind]} {kind}" for kind in KINDS)
        return (
            f"{self.kills.total()} kills ({kinds}); {self.ends} runs ended, {len(self.wrong)} things were wrong; "
            f"{self.compared} checkpoints compared; {self.noticed} damages noticed"
        )


def config_of(recipe: str, root: Path) -> RunConfig:
    family, own = RUNS[recipe]
    tiny, base, prompts = build(family), root / "base" / family, root / "prompts.txt"
    if not base.exists():
        tiny.pipe.save_pretrained(base)
    prompts.write_text("a red cat\na blue dog\na green star\na circle\n")
    call = {f"model.call.{name}": value for name, value in tiny.call.items()}
    flags = {"model.path": str(base), "prompts.source": str(prompts)} | COMMON | own | call
    return resolve(recipe, preset="none", flags=flags)


def at(config: RunConfig, folder: Path, **run: Any) -> RunConfig:
    return dataclasses.replace(config, run=dataclasses.replace(config.run, output=str(folder), **run))


def killed(child: Child, kind: str, rng: random.Random, whole: Child) -> bool:
    """Kill a child in one of the ways, unless it ends before."""
    if kind == KINDS[0]:
        child.kill_after(rng.uniform(0.0, whole.seconds))
    elif kind == KINDS[2]:
        child.kill_while_it_saves(rng.randint(1, 3), rng)
    return child.wait() < 0


def through(config: RunConfig, whole: Child, rng: random.Random, most: int, tally: Tally) -> None:
    """One run, resumed after each kill until it is through; at most so many kills."""
    folder = Path(config.run.output)
    operations = int(whole.counted.read_text())
    while True:
        kind = KINDS[tally.kills.total() % len(KINDS)] if tally.kills.total() < most else ""
        again = (folder / "config.yaml").exists()
        dying = rng.randint(1, operations) if kind == KINDS[1] else 0
        child = Child(resumed(folder) if again else config, again, dying)
        if not killed(child, kind, rng, whole):
            break
        tally.kills[kind] += 1
        examine(folder, whole.folder, rng, tally)
    tally.ends += 1
    if child.status:
        tally.wrong.append(f"{folder.name} did not go on, see {child.log}")
        return
    tally.wrong += [f"{folder.name} ended with another {name}" for name in differences(folder, whole.folder)]


def examine(folder: Path, whole: Path, rng: random.Random, tally: Tally) -> None:
    """No checkpoint that loads is wrong, and no wrong one loads."""
    good = [path for path in checkpoint.found(folder / "checkpoints") if checkpoint.verify(path) is None]
    for path in good:
        tally.compared += 1
        if not same_checkpoint(path, whole / "checkpoints" / path.name):
            tally.wrong.append(f"{path} passes its manifest and is wrong")
    if good:
        copy = Path(shutil.copytree(good[-1], folder.with_suffix(".damaged"), dirs_exist_ok=True))
        damage(copy, rng)
        tally.noticed += checkpoint.verify(copy) is not None
        if checkpoint.verify(copy) is None:
            tally.wrong.append(f"{copy} was damaged and passes its manifest")
        shutil.rmtree(copy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipes", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--output", type=Path, help="keep the runs in this folder")
    options = parser.parse_args()
    rng, total = random.Random(options.seed), Tally()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.output or Path(scratch)
        for number, recipe in enumerate(options.recipes, 1):
            config, tally = config_of(recipe, root), Tally()
            whole = Child(at(config, root / f"{recipe}-whole", save_total_limit=100), False)
            assert whole.wait() == 0, whole.log.read_text()
            most = options.kills * number // len(options.recipes) - total.kills.total()
            while tally.kills.total() < most and not tally.wrong:
                through(at(config, root / f"{recipe}-{tally.ends}"), whole, rng, most, tally)
            print(f"{recipe}: {tally}", *tally.wrong, sep="\n  ", flush=True)
            total = Tally(
                total.kills + tally.kills,
                total.ends + tally.ends,
                total.compared + tally.compared,
                total.noticed + tally.noticed,
                total.wrong + tally.wrong,
            )
        print(f"all: {total}")
    sys.exit(1 if total.wrong else 0)


if __name__ == "__main__":
    main()
