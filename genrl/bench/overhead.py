"""How much an iteration costs beyond its network calls: both are timed in the same process, right after each other."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from genrl.bench.clock import parts, seconds
from genrl.bench.quartiles import Quartiles
from genrl.bench.recording import Call, replay
from genrl.errors import MeasurementError
from genrl.trainer import Trainer

WARM_UPS, PAIRS = 2, 10
#: A pair whose replay moved further than this from the median replay met another program and is left out.
MOVED = 0.25
#: Pairs that have to be left, and the quartile range of their ratios, relative to the median, up to which they are reported.
FEWEST, WIDEST = 6, 0.15


@dataclass(frozen=True)
class Pair:
    """Seconds of an iteration and of its network calls alone."""

    whole: float
    bare: float

    @property
    def ratio(self) -> float:
        return self.whole / self.bare


@dataclass(frozen=True)
class Overhead:
    """ratio: an iteration over its network calls, by pairs. discarded: pairs that are not among them.

    whole, bare: median seconds of an iteration and of its network calls. parts: median CPU seconds of an iteration's parts.
    """

    ratio: Quartiles
    pairs: tuple[Pair, ...]
    discarded: int
    parts: dict[str, float]

    @property
    def whole(self) -> float:
        return statistics.median(pair.whole for pair in self.pairs)

    @property
    def bare(self) -> float:
        return statistics.median(pair.bare for pair in self.pairs)


def measure_overhead(trainer: Trainer, calls: list[Call], tick: Callable[[int, int], None] = lambda *_: None) -> Overhead:
    """Time the first iteration and `calls`, which are its own, in pairs; MeasurementError if the machine is too noisy.

    Whatever comes first in one pair comes second in the next, so that a slow drift of the machine cancels. `tick` is told
    after each pair how many are done, and out of how many.
    """
    device, measured, spent = trainer.policy.device, [], []

    def whole() -> float:
        with parts(trainer) as found:
            taken = seconds(lambda: trainer.iterate(0), device)
        spent.append(found)
        return taken

    def bare() -> float:
        taken = seconds(lambda: replay(trainer.policy, calls, trainer.accelerator.autocast), device)
        trainer.optimization.optimizer.zero_grad(set_to_none=True)
        return taken

    for n in range(WARM_UPS + PAIRS):
        first, second = (whole(), bare()) if n % 2 == 0 else (bare(), whole())
        measured.append(Pair(first, second) if n % 2 == 0 else Pair(second, first))
        tick(n + 1, WARM_UPS + PAIRS)
    return judged(measured[WARM_UPS:], spent[WARM_UPS:])


def judged(pairs: Sequence[Pair], spent: Sequence[Counter[str]] = ()) -> Overhead:
    """The ratio of the pairs that were not disturbed; MeasurementError if few are left or if they disagree."""
    usual = statistics.median(pair.bare for pair in pairs)
    kept = tuple(pair for pair in pairs if abs(pair.bare / usual - 1.0) <= MOVED)
    if len(kept) < FEWEST:
        raise MeasurementError(
            f"Too noisy: in {len(pairs) - len(kept)} of {len(pairs)} pairs the same network calls took {MOVED:.0%} more or "
            "less time than usual. Wait until nothing else runs on this machine, and measure again."
        )
    ratio = Quartiles.of([pair.ratio for pair in kept])
    if ratio.range > WIDEST:
        raise MeasurementError(
            f"Too noisy: the quartiles of the ratio, {ratio.low:.3f} and {ratio.high:.3f}, lie {ratio.range:.0%} apart, and "
            f"above {WIDEST:.0%} none is reported. Wait until nothing else runs on this machine, and measure again."
        )
    medians = {part: statistics.median(row[part] for row in spent) for part in sorted({part for row in spent for part in row})}
    return Overhead(ratio, kept, len(pairs) - len(kept), medians)
