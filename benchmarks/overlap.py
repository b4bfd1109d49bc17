"""What a slow reward costs an iteration when it is asked beside the next rollout, and when it is not.

    python benchmarks/overlap.py --output docs/benchmarks/overlap.md

The reward sleeps for half the time that the iteration's rollout takes, as one that waits for a server does, shared out over its
batches by pictures. A round runs the same iteration four times: rolled out at once and in batches, both without the reward's
delay, then in batches with it, scored after the rollout and beside it. Medians over the rounds; the weights never change.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from genrl import trainer as loop
from genrl.config import RunConfig, resolve
from genrl.rewards import RewardPanel, RewardTerm
from genrl.run import build
from genrl.trainer import Trainer

#: The reward's time over that of the rollout.
SHARE = 0.5


class Waiting:
    """The mean of the pixels, after a delay for each picture."""

    media = "tensor"
    delay = 0.0

    def __call__(self, prompts: list[str], completions: torch.Tensor, **columns: Any) -> list[float]:
        time.sleep(self.delay * len(prompts))
        return completions.flatten(1).mean(dim=1).tolist()


@dataclass(frozen=True)
class Timing:
    """Seconds of one iteration, of its rollouts, and of waiting for rewards after the last."""

    iteration: float
    rollout: float
    wait: float


def timed(trainer: Trainer) -> Timing:
    """One iteration without its updates of the weights."""
    rollout = 0.0
    explore = trainer.explore

    def watched(*arguments: Any) -> Any:
        nonlocal rollout
        began = time.perf_counter()
        explored = explore(*arguments)
        rollout += time.perf_counter() - began
        return explored

    with patch.object(trainer, "explore", watched), patch.object(trainer.optimization, "step", lambda: (0.0, False)):
        row = trainer.iterate(0)
    trainer.optimization.optimizer.zero_grad(set_to_none=True)
    return Timing(row["step_time"], rollout, row["rewards/wait"])


def serial(make: Any, use: Any) -> tuple[list[Any], float]:
    """In place of `overlapped`: everything is made before anything is used."""
    made = [maker() for maker in make]
    began = time.perf_counter()
    return [use(product) for product in made], time.perf_counter() - began


def measure(config: RunConfig, rollout_prompts: int, rounds: int) -> dict[str, list[Timing]]:
    reward = Waiting()
    found: dict[str, list[Timing]] = {"at once": [], "in batches": [], "reward after": [], "reward beside": []}
    with tempfile.TemporaryDirectory() as folder:
        whole = build(config, Path(folder), reporter=None)
        whole.rewards = RewardPanel([RewardTerm("waiting", reward)])
        parted = replace(whole, train=replace(whole.train, rollout_prompts=rollout_prompts))
        members = config.train.prompts_per_iteration * config.sampling.group_size
        for k in range(rounds + 1):
            reward.delay = 0.0
            once, batches = timed(whole), timed(parted)
            reward.delay = SHARE * batches.rollout / members
            with patch.object(loop, "overlapped", serial):
                after = timed(parted)
            beside = timed(parted)
            if k:  # the first round warms up allocators and caches
                for name, timing in zip(found, (once, batches, after, beside), strict=True):
                    found[name].append(timing)
    return found


def median(timings: list[Timing], name: str) -> float:
    return statistics.median(getattr(timing, name) for timing in timings)


def table(found: dict[str, list[Timing]]) -> str:
    """Markdown: one row for each way, medians over the rounds."""
    plain = median(found["in batches"], "iteration")
    rows = ["| iteration | seconds | over `in batches` | of it rollout | waited for rewards |", "|---|---|---|---|---|"]
    for name, timings in found.items():
        whole, rollout, wait = (median(timings, field) for field in ("iteration", "rollout", "wait"))
        rows.append(f"| {name} | {whole:.2f} | {whole / plain:.3f} | {rollout:.2f} | {wait:.2f} |")
    return "\n".join(rows)


def verdict(found: dict[str, list[Timing]]) -> str:
    plain, beside, after = (median(found[name], "iteration") for name in ("in batches", "reward beside", "reward after"))
    return (
        f"Asked beside the next rollout, the reward costs {100 * (beside / plain - 1):.1f} % of the iteration; asked after the "
        f"rollouts, {100 * (after / plain - 1):.1f} %."
    )


def page(found: dict[str, list[Timing]], command: str, set_up: str) -> str:
    return f"""# A slow reward beside the rollout

```bash
{command}
```

{textwrap.fill("A reward that sleeps for half the rollout's time, as one that waits for a server does. " + set_up, 120)}

{table(found)}

{verdict(found)}

- `at once` rolls out all prompts in one batch, `in batches` as many at a time as `train.rollout_prompts` says, both with
  a reward that takes no time. What lies between them is the price of smaller batches.
- `reward after` scores each batch when all are rolled out, `reward beside` while the next is rolled out, which is what
  `genrl train` does. The last batch has no rollout beside it: its reward is waited for.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithm", default="neighbor-grpo")
    parser.add_argument("--rollout-prompts", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as for genrl train")
    parser.add_argument("--output", type=Path, help="a Markdown file for the table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = resolve(options.algorithm, sets=["run.threads=1", "run.device=cpu", *options.set])
    found = measure(config, options.rollout_prompts, options.rounds)
    print(f"{table(found)}\n\n{verdict(found)}")
    if options.output:
        groups = f"{config.train.prompts_per_iteration} prompts of {config.sampling.group_size} members"
        set_up = (
            f"The embedded model, `{options.algorithm}`, {groups} and {config.sampling.steps} steps, "
            f"{options.rollout_prompts} prompts at a time, one CPU thread; medians of {options.rounds} rounds."
        )
        options.output.write_text(page(found, f"python {' '.join(sys.argv)}", set_up))


if __name__ == "__main__":
    main()
