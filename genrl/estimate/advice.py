"""Whether a run fits, and if not, which settings make it fit: those that change least come first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from genrl.config import RunConfig
from genrl.estimate.estimate import Estimate, estimate
from genrl.estimate.tally import Cost
from genrl.settings import ModelSettings, TrainSettings


@dataclass(frozen=True)
class Advice:
    """`settings` to change, as for --set, and the estimate with them; no settings if it fits as it is, None if none do."""

    settings: tuple[str, ...]
    outcome: Estimate | None


def advise(asked: Estimate) -> Advice:
    """The first of ever larger changes with which the run fits on its GPU."""
    if asked.fits:
        return Advice((), asked)
    for config in _changed(asked.config):
        found = asked if config == asked.config else estimate(config, asked.gpu, asked.utilisation)
        batches = _largest_batches(found)
        if batches is not None:
            fitting = estimate(batches, asked.gpu, asked.utilisation)
            if fitting.fits:
                return Advice(tuple(_differences(asked.config, batches)), fitting)
    return Advice((), None)


def _changed(config: RunConfig) -> Iterator[RunConfig]:
    """The configuration itself, then with more and more switched on."""
    model, train = config.model, config.train
    yield config
    if not model.offload:
        yield (config := replace(config, model=(model := replace(model, offload=True))))
    if not model.gradient_checkpointing:
        yield (config := replace(config, model=(model := replace(model, gradient_checkpointing=True))))
    if model.weights == "full" and train.mixed_precision == "no":
        yield (config := replace(config, train=replace(train, mixed_precision="bf16")))
    if model.weights == "full" or model.dtype == "float32":
        model, train = replace(model, weights="lora", dtype="bfloat16"), replace(train, mixed_precision="no")
        yield (config := replace(config, model=model, train=train))
    if not model.compile:
        yield replace(config, model=replace(model, fp8_base=True))


def _largest_batches(found: Estimate) -> RunConfig | None:
    """The configuration with the largest batches of rollout, decoding and learning that fit; None if one row is too much."""
    memory, costs, config = found.memory, found.costs, found.config
    free = found.room - memory.standing
    asked, trained = config.model.max_rows or max(found.work.asked), max(found.work.trained)
    decoded = min(found.decode_rows, max(found.work.decoded, default=1))

    def fitting(cost: Cost, adds: int, rows: int) -> int:
        """Rows that fit of a pass which with `rows` rows adds so much memory."""
        return int((free - (adds - cost.peak * rows)) // max(1, cost.peak))

    rollout = fitting(costs.forward, memory.rollout, min(asked, max(found.work.asked)))
    decoding, learning = fitting(costs.decode, memory.decoding, decoded), fitting(costs.trained, memory.learning, trained)
    if min(rollout, decoding, learning) < 1 or memory.encoding > free:
        return None
    model, train = config.model, config.train
    model = model if rollout >= asked else replace(model, max_rows=_power(rollout))
    model = model if decoding >= decoded else replace(model, decode_rows=_power(decoding))
    train = train if learning >= trained else replace(train, rows=_power(learning))
    return replace(config, model=model, train=train)


def _power(rows: int) -> int:
    """The largest power of two up to `rows`."""
    return 1 << (rows.bit_length() - 1)


def _differences(before: RunConfig, after: RunConfig) -> Iterator[str]:
    for section, kind in (("model", ModelSettings), ("train", TrainSettings)):
        for name in kind.__dataclass_fields__:
            value = getattr(getattr(after, section), name)
            if value != getattr(getattr(before, section), name):
                yield f"{section}.{name}={str(value).lower() if isinstance(value, bool) else value}"
