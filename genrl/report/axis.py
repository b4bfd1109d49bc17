"""Round numbers for axes, and numbers and times as people write them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def ticks(values: Sequence[float], most: int = 5) -> list[float]:
    """Round numbers, evenly spaced, that enclose the values: at most `most` + 1 of them, at least 2."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = low - abs(low) / 10, high + (abs(high) / 10 or 1.0)
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def number(value: float) -> str:
    """Short, for axes and small print."""
    if 100 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def decimals(*values: float) -> int:
    """Places behind the point that show three digits of the largest value; three at least."""
    largest = max(abs(value) for value in values)
    return max(3, 2 - math.floor(math.log10(largest))) if largest > 0 else 3


def fixed(value: float, places: int) -> str:
    return f"{value:.{places}f}"


def signed(value: float, places: int) -> str:
    """With a sign, as differences are written, and a minus as long as the plus."""
    return f"{value:+.{places}f}".replace("-", "\N{MINUS SIGN}")


def duration(seconds: float) -> str:
    """The two largest units: 48.2 s, 1 min 40 s, 3 h 05 min, 2 d 04 h."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, hours = divmod(round(seconds), 60), divmod(round(seconds / 60), 60)
    if minutes[0] < 60:
        return f"{minutes[0]} min {minutes[1]:02d} s"
    return f"{hours[0]} h {hours[1]:02d} min" if hours[0] < 24 else f"{hours[0] // 24} d {hours[0] % 24:02d} h"
