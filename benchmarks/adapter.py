"""What a velocity costs beyond the network: the adapter beside the bare network calls with the same arguments.

    python -m benchmarks.adapter
    python -m benchmarks.adapter --families prx lumina2 --repetitions 50

Tiny pipelines with random weights. Each velocity of a walk is asked for in three ways, right after each other: in a run of
the pipeline of its own ("alone", as in learning); in one run that stays open for the walk ("open", as in a rollout); and as
the bare network calls that were recorded. One thread, no gradient, process CPU time; median (lower to upper quartile) over the
walks.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from genrl.models import DiffusersModel
from genrl.models.proof import Call, recorded
from genrl.protocols import Velocity
from genrl.types import Condition
from tests.tiny_pipelines import FAMILIES, PROMPTS, build

#: Of different structure each, and tiny enough for the adapter to show.
SHOWN = ["prx", "sd3", "flux", "flux-true-cfg", "flux2", "qwen", "z-image", "sana", "wan", "hunyuan", "ltx"]
HEAD = "| family | network calls | bare ms | alone: + ms | share | open: + ms | share |\n|---|---|---|---|---|---|---|"


def timed(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def spread(values: Sequence[float], digits: int) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


@torch.no_grad()
def measure(family: str, steps: int, rows: int, repetitions: int) -> str:
    """One row of the table: milliseconds for one velocity, and their share of the bare calls."""
    tiny = build(family)
    model = DiffusersModel(tiny.pipe, tiny.call)
    condition, _ = model.encode([PROMPTS[i % 2] for i in range(rows)])
    sigmas = model.sigmas(steps)
    x = torch.randn(rows, *model.latent_shape(), generator=torch.Generator().manual_seed(0))
    asked: list[list[Call]] = []
    with model.solve(condition, sigmas) as velocity:  # the first walk proves that both ways agree, which later ones do not
        for sigma in sigmas[:-1]:
            with recorded(model.networks) as calls:
                velocity(x, sigma)
            asked.append(calls)
    times = []
    for _ in range(repetitions):
        with model.solve(condition, sigmas) as velocity:
            each = [three(model, condition, velocity, x, *step) for step in zip(sigmas, asked, strict=False)]
        times.append([1e3 / steps * sum(column) for column in zip(*each, strict=True)])
    cells = [family, f"{len(asked[0])}", spread([bare for *_, bare in times], 2)]
    for k in range(2):
        cells.append(spread([row[k] - row[2] for row in times], 2))
        cells.append(spread([100 * (row[k] / row[2] - 1) for row in times], 0) + " %")
    return f"| {' | '.join(cells)} |"


def three(
    model: DiffusersModel, condition: Condition, velocity: Velocity, x: Tensor, sigma: float, calls: list[Call]
) -> tuple[float, float, float]:
    """CPU seconds of one velocity in a run of its own, in the open run, and of its network calls alone."""

    def bare() -> None:
        for call in calls:
            call.network(*call.args, **call.kwargs)

    return timed(lambda: model.velocity(x, sigma, condition)), timed(lambda: velocity(x, sigma)), timed(bare)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", choices=sorted(FAMILIES), default=SHOWN)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--repetitions", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(HEAD, flush=True)
    for family in options.families:
        print(measure(family, options.steps, options.rows, options.repetitions), flush=True)


if __name__ == "__main__":
    main()
