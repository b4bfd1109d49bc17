"""How much an iteration costs beyond its network calls: CPU time of an iteration over the bare replay of the same calls.

    python benchmarks/overhead.py --iterations 5

Every transformer call of an iteration is recorded with its arguments, then made again right after it, bare: forward without
gradient where it had none, forward and backward where it had one. One thread; process CPU time; the median and the quartiles
of the ratios.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genrl.config import resolve
from genrl.run import build


class Recorder:
    """A forward hook that remembers each call's arguments and whether it was made with gradient."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any], bool]] = []

    def __call__(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        detached = {name: value.detach() if isinstance(value, Tensor) else value for name, value in kwargs.items()}
        plain = tuple(value.detach() if isinstance(value, Tensor) else value for value in args)
        self.calls.append((plain, detached, torch.is_grad_enabled()))


def bare(network: torch.nn.Module, calls: list[tuple[tuple[Any, ...], dict[str, Any], bool]]) -> None:
    """The recorded calls and nothing else."""
    for args, kwargs, differentiable in calls:
        with torch.set_grad_enabled(differentiable):
            answer = network(*args, **kwargs)[0]
        if differentiable:
            answer.backward(torch.ones_like(answer))
    network.zero_grad(set_to_none=True)


def timed(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithm", default="neighbor-grpo")
    parser.add_argument("--iterations", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = resolve(options.algorithm, sets=["run.threads=1", "run.device=cpu"])
    with tempfile.TemporaryDirectory() as folder:
        trainer = build(config, Path(folder), reporter=None)
        (network,) = trainer.policy.model.networks.values()
        ratios, recorder = [], Recorder()
        for k in range(options.iterations + 1):
            recorder.calls.clear()
            handle = network.register_forward_pre_hook(recorder, with_kwargs=True)
            whole = timed(lambda k=k: trainer.iterate(k))
            handle.remove()
            floor = timed(lambda: bare(network, recorder.calls))
            if k:  # the first round warms up allocators and caches
                ratios.append(whole / floor)
                print(f"iteration {whole:.2f} s   bare network {floor:.2f} s   ratio {whole / floor:.3f}")
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"{options.algorithm}: iteration / bare network = {middle:.3f} (quartiles {low:.3f}, {high:.3f})")


if __name__ == "__main__":
    main()
