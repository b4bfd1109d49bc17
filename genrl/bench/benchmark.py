"""One benchmark: a model and a recipe in, the loop's time, its counts and its overhead out."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from genrl.bench.gpu import Gpu, measure_gpu
from genrl.bench.loop import Loop, measure_loop
from genrl.bench.overhead import Overhead, measure_overhead
from genrl.bench.recording import recorded
from genrl.bench.workloads import BUILT_IN, Workload, configured, loaded
from genrl.config import RunConfig
from genrl.estimate.work import work
from genrl.policy import COUNTED
from genrl.run import build, environment
from genrl.trainer import Trainer

#: What `benchmark` tells its listener: what it does, how much of it is done, and out of how much.
Listener = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Benchmark:
    """counts: of the first iteration by name, as counted by the trainer and as the algorithm asks for.

    calls: of the networks, as they arrive there; load: programs that waited for a CPU in the last minute, on average.
    """

    config: RunConfig
    device: torch.device
    loop: Loop
    counts: dict[str, tuple[int, int]]
    calls: int
    overhead: Overhead
    gpu: Gpu | None
    threads: int
    load: float
    environment: dict[str, str]

    @property
    def target(self) -> float | None:
        """The ratio that the project allows itself for this model."""
        return BUILT_IN.get(self.config.model.path, Workload()).target

    def plain(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        loop, overhead = dataclasses.asdict(self.loop), dataclasses.asdict(self.overhead)
        overhead |= {"whole": self.overhead.whole, "bare": self.overhead.bare, "target": self.target}
        gpu = self.gpu and dataclasses.asdict(self.gpu) | {"host_syncs": self.gpu.host_syncs}
        return {
            "model": self.config.model.path,
            "algorithm": self.config.algorithm_name,
            "device": str(self.device),
            "threads": self.threads,
            "load": self.load,
            "environment": self.environment,
            "loop": loop | {"per_step": self.loop.per_step, "per_pass": self.loop.per_pass},
            "counts": {name: {"counted": ours, "asked": asked} for name, (ours, asked) in self.counts.items()},
            "calls": self.calls,
            "overhead": overhead,
            "gpu": gpu,
        }


def benchmark(
    model: str,
    algo: str | None = None,
    sets: Sequence[str] = (),
    device: str | None = None,
    listener: Listener = lambda *_: None,
) -> Benchmark:
    """Measure a model, by built-in name, folder or hub id. MeasurementError if the machine is too noisy to say anything."""
    whole, alone = configured(model, algo, sets, device)
    listener(f"Building {model}", 0, 1)
    policy = loaded(whole)
    with tempfile.TemporaryDirectory() as folder:
        trainer = build(whole, Path(folder), None, policy)
        listener("The first iteration", 0, 1)
        with recorded(policy) as calls:
            trainer.iterate(0)
        counts = _counts(trainer, whole)
        listener("The loop alone", 0, 1)
        stubbed = build(alone, Path(folder), None, policy)
        loop = measure_loop(stubbed, work(alone, stubbed.sigmas))
        overhead = measure_overhead(trainer, calls, partial(listener, "Iterations and their network calls"))
        gpu = measure_gpu(trainer, calls, overhead) if policy.device.type == "cuda" else None
    return Benchmark(
        config=whole,
        device=policy.device,
        loop=loop,
        counts=counts,
        calls=len(calls),
        overhead=overhead,
        gpu=gpu,
        threads=torch.get_num_threads(),
        load=os.getloadavg()[0],
        environment=environment(),
    )


def _counts(trainer: Trainer, config: RunConfig) -> dict[str, tuple[int, int]]:
    """What the first iteration has asked for, and what the algorithm asks of a model that only counts."""
    asked = dict(work(config, trainer.sigmas).counts)
    # There the texts are all different.
    asked["encodes"] = len({prompt.text for prompt in trainer.prompts.draw(0, config.train.prompts_per_iteration)})
    return {name: (trainer.policy.counts[name], asked[name]) for name in COUNTED if name != "calls"}
