"""How long an iteration takes on a GPU, at a stated share of its peak."""

from __future__ import annotations

from collections.abc import Sequence

from genrl.config import RunConfig
from genrl.estimate.costs import Costs
from genrl.estimate.devices import LAUNCH, Gpu
from genrl.estimate.tally import Cost
from genrl.estimate.work import Work

#: What costs a forward pass, by the names of `genrl.policy.COUNTED`.
WITHOUT_GRADIENT = ("forwards", "snapshot_forwards", "reference_forwards")


def flops(costs: Costs, work: Work) -> dict[str, float]:
    """Operations of one iteration, part by part; the prompts are encoded when they come up for the first time."""
    counts = work.counts
    return {
        "rollout": float(costs.forward.flops * sum(counts[name] for name in WITHOUT_GRADIENT)),
        "learning": float(costs.trained.flops * counts["backwards"]),
        "decoding": float(costs.decode.flops * counts["decodes"]),
        "encoding": float(costs.encode.flops * counts["encodes"]),
    }


def computing(cost: Cost, gpu: Gpu) -> float:
    """Seconds of the operations of a pass at the peak of the GPU, each in its type."""
    return 1e-12 * ((cost.flops - cost.precise) / gpu.bfloat16 + cost.precise / gpu.float32)


def precise_share(costs: Costs, work: Work, gpu: Gpu) -> float:
    """The share of an iteration's time at the network that goes into float32."""
    rows = ((costs.forward, sum(work.asked)), (costs.trained, sum(work.trained)))
    whole = sum(computing(cost, gpu) * count for cost, count in rows)
    return sum(1e-12 * cost.precise / gpu.float32 * count for cost, count in rows) / whole if whole else 0.0


def seconds(config: RunConfig, costs: Costs, work: Work, gpu: Gpu, utilisation: float, decode_rows: int) -> dict[str, float]:
    """Seconds of one iteration, part by part: bound by operations, or by the launches of a small network's kernels."""

    def spent(cost: Cost, rows: Sequence[int], most: int = 0) -> float:
        batches = [batch for whole in rows for batch in _split(whole, most)]
        return sum(max(computing(cost, gpu) * batch / utilisation, cost.kernels * LAUNCH) for batch in batches)

    return {
        "rollout": spent(costs.forward, work.asked, config.model.max_rows),
        "learning": spent(costs.trained, work.trained),
        "decoding": spent(costs.decode, work.decoded, decode_rows),
        "encoding": spent(costs.encode, [1] * work.counts["encodes"]),
    }


def evaluation_seconds(config: RunConfig, costs: Costs, gpu: Gpu, utilisation: float) -> float:
    """Seconds of one evaluation on the held-out prompts, rewards not counted."""
    pictures, steps = config.evaluation.samples, config.evaluation.steps or config.sampling.steps
    return pictures * (steps * computing(costs.forward, gpu) + computing(costs.decode, gpu)) / utilisation


def _split(rows: int, most: int) -> list[int]:
    """The batches of at most `most` rows, of any size if that is 0."""
    most = most or rows
    return [min(most, rows - start) for start in range(0, rows, most)] if rows else []
