"""The ablations of the Neighbor GRPO paper in miniature, on the embedded model: one table and one figure.

    python -m benchmarks.ablations --output docs/benchmarks
    python -m benchmarks.ablations --studies sigma p --seeds 0 --output quick

Each study changes one setting of the default recipe and keeps the rest. Finished runs below `--runs` are kept and not repeated,
so an interrupted benchmark goes on where it stopped; a run that several studies share is made once.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from benchmarks.sample_efficiency import curve, gain, train

#: A third of the default budget: short enough for every cell, long enough that differences exceed those between seeds.
SHORT = (
    "train.max_steps=16",
    "train.prompts_per_iteration=6",
    "evaluation.every=16",
    "run.save_steps=0",
    "run.threads=1",
)
#: Temperature and old reference matter where a rollout serves several updates (Algorithm 1 as printed: one for each anchor).
SEVERAL = ("update_every=anchor", "train.learning_rate=5e-5")


@dataclass(frozen=True)
class Variant:
    """One cell: how it is called in the table, and what it sets."""

    label: str
    sets: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Named by what is set, so that equal cells share their runs."""
        return "-".join(setting.replace("=", "_") for setting in sorted(self.sets)) or "default"


def swept(key: str, values: tuple[float, ...], default: float) -> tuple[Variant, ...]:
    return tuple(Variant(f"{value:g}", () if value == default else (f"{key}={value:g}",)) for value in values)


PAPER_TAU = ("surrogate.tau=paper", "objective.epsilon=0.2")
STUDIES: dict[str, tuple[Variant, ...]] = {
    "sigma": swept("perturber.sigma", (0.1, 0.2, 0.3, 0.5, 0.7), default=0.3),
    "anchors": swept("anchors.count", (1, 2, 4, 6), default=4),
    "p": swept("advantage.p", (0.8, 1.0, 2.0), default=0.8),
    "solver and steps": (
        Variant("DPM++ 8"),
        Variant("Euler 8", ("solver=euler",)),
        Variant("Euler 25", ("solver=euler", "sampling.steps=25")),
    ),
    "temperature": (
        Variant("adaptive, clip .01", SEVERAL),
        Variant("mean, clip .001", (*SEVERAL, "surrogate.tau=mean", "objective.epsilon=1e-3")),
        Variant("mean, clip .0001", (*SEVERAL, "surrogate.tau=mean", "objective.epsilon=1e-4")),
        Variant("paper, clip .2", (*SEVERAL, *PAPER_TAU)),
    ),
    "old reference": (
        Variant("train-solver", SEVERAL),
        Variant("stored", (*SEVERAL, "surrogate.old_reference=stored")),
        Variant("stored, paper tau", (*SEVERAL, *PAPER_TAU, "surrogate.old_reference=stored")),
        Variant("detach", (*SEVERAL, "surrogate.old_reference=detach")),
    ),
}


@dataclass(frozen=True)
class Cell:
    """What the seeds of one variant ended with: gains (S,) in held-out reward and strict share, evaluations an iteration."""

    reward: np.ndarray
    strict: np.ndarray
    evaluations: float

    @staticmethod
    def of(folders: list[Path]) -> Cell:
        gains = {name: np.array([after - before for before, after, _ in (gain(f, name) for f in folders)]) for name in SHOWN}
        return Cell(*gains.values(), evaluations=curve(folders[0])["evaluations"][-1])


SHOWN = ("reward", "scenes/strict")


def spread_of(gains: np.ndarray) -> str:
    """Mean, and the range over the seeds if there are several."""
    between = f" ({gains.min():+.3f} to {gains.max():+.3f})" if len(gains) > 1 else ""
    return f"{gains.mean():+.3f}{between}"


def table(cells: dict[str, dict[str, Cell]]) -> str:
    """Markdown: one row a variant; gains as mean and range over the seeds."""
    lines = ["| study | variant | network evaluations | gain in reward | gain in strict share |", "|---|---|---|---|---|"]
    for study, row in cells.items():
        for label, cell in row.items():
            spread = [spread_of(gains) for gains in (cell.reward, cell.strict)]
            lines.append(f"| {study} | {label} | {cell.evaluations:,.0f} | " + " | ".join(spread) + " |")
    return "\n".join(lines) + "\n"


def figure(cells: dict[str, dict[str, Cell]], path: Path) -> None:
    """One panel a study: every seed a dot, the mean a bar; one scale for all, so that effects can be compared by eye."""
    panels, axes = plt.subplots(2, 3, figsize=(12, 6.4), sharey=True, constrained_layout=True)
    for axis, (study, row) in zip(axes.flat, cells.items(), strict=False):
        for x, cell in enumerate(row.values()):
            axis.bar(x, cell.reward.mean(), color=plt.cm.tab10(0), alpha=0.35, width=0.7)
            axis.plot([x] * len(cell.reward), cell.reward, "o", color=plt.cm.tab10(0), markersize=4)
        axis.set_title(study, loc="left", fontsize=11)
        axis.set_xticks(range(len(row)), [label.replace(", ", ",\n") for label in row], fontsize=8.5)
        axis.grid(axis="y", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("gain in held-out reward")
    panels.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", nargs="+", choices=STUDIES, default=list(STUDIES), metavar="STUDY")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks"))
    options = parser.parse_args()
    studies = {name: STUDIES[name] for name in options.studies}
    for seed in options.seeds:
        for variant in dict.fromkeys(variant for row in studies.values() for variant in row):
            sets = [f"--set={setting}" for setting in (*SHORT, *variant.sets)]
            train("neighbor-grpo", seed, options.runs / f"{variant.folder}-{seed}", sets)
    cells = {
        name: {v.label: Cell.of([options.runs / f"{v.folder}-{seed}" for seed in options.seeds]) for v in row}
        for name, row in studies.items()
    }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "ablations.md").write_text(table(cells))
    figure(cells, options.output / "ablations.png")
    print(table(cells))


if __name__ == "__main__":
    main()
