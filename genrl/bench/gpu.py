"""What only a CUDA device can tell: its speed, how often it is waited for, how much memory is taken."""

from __future__ import annotations

import statistics
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from genrl.bench.clock import seconds
from genrl.bench.overhead import Overhead
from genrl.bench.recording import Call, replay
from genrl.estimate.tally import tally
from genrl.trainer import Trainer

#: How torch's warning about a wait begins; the rest names the call.
SYNCHRONIZING = "called a synchronizing CUDA operation"
#: The side of a square matrix product that keeps any GPU busy, and how often it is timed.
SIDE, REPEATS = 8192, 20


@dataclass(frozen=True)
class Gpu:
    """One iteration on a GPU.

    peak: TFLOP/s of a large product of bfloat16 matrices, measured. flops: operations of the network calls; recomputed
    activations count. share: of that peak, over the whole iteration. waits: how often the host waited for the device, by the
    line that made it. memory: bytes that torch held at most.
    """

    name: str
    peak: float
    flops: int
    share: float
    waits: dict[str, int]
    memory: int

    @property
    def host_syncs(self) -> int:
        return sum(self.waits.values())


def measure_gpu(trainer: Trainer, calls: list[Call], overhead: Overhead) -> Gpu:
    """One more iteration, its `calls` once more, and some large products; `overhead` is that of the same iteration."""
    device = trainer.policy.device
    torch.cuda.reset_peak_memory_stats(device)
    with waits() as found:
        trainer.iterate(0)
    memory = torch.cuda.max_memory_allocated(device)
    flops = tally(lambda: replay(trainer.policy, calls, trainer.accelerator.autocast)).flops
    trainer.optimization.optimizer.zero_grad(set_to_none=True)
    peak = matmul_peak(device)
    return Gpu(
        name=torch.cuda.get_device_name(device),
        peak=peak,
        flops=flops,
        share=flops / overhead.whole / (1e12 * peak),
        waits=dict(found.most_common()),
        memory=memory,
    )


@contextmanager
def waits() -> Iterator[Counter[str]]:
    """Inside, every wait of the host for the GPU that torch knows of is counted, by "file:line"."""
    found: Counter[str] = Counter()
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode(before)
            found.update(f"{w.filename}:{w.lineno}" for w in raised if SYNCHRONIZING in str(w.message))


def matmul_peak(device: torch.device, side: int = SIDE, dtype: torch.dtype = torch.bfloat16) -> float:
    """TFLOP/s of a product of two square matrices: what the device gives, not what its maker says."""
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    spent = [seconds(lambda: a @ b, device) for _ in range(3 + REPEATS)]
    return 2 * side**3 / statistics.median(spent[3:]) / 1e12
