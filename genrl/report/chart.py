"""A line chart as SVG: numbers over iterations, bands for intervals. Colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from genrl.report.axis import number, ticks

#: Room in user units for the numbers left of the plot and below it.
LEFT, BOTTOM, TOP, RIGHT = 46, 22, 8, 14
#: A line shows at most so many points, so many of them answer to a pointer, and more than so many dots would be a blot.
POINTS, ANSWERING, DOTS = 300, 60, 16

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One line: (iteration, value) points, the class that colours it, and for each point the ends of its interval.

    marked: whether each point gets a dot, as a measurement that was not made in between.
    """

    label: str
    css: str
    points: Sequence[Point]
    band: Sequence[Point] = ()
    marked: bool = False


def chart(lines: Sequence[Line], title: str, width: int = 360, height: int = 190, marks: Sequence[float] = ()) -> Markup:
    """The lines on common axes, and a vertical one at each of the iterations `marks`; values that are not finite are gaps.

    `title` is read out where the picture cannot be seen.
    """
    lines = [thinned(line) for line in lines]
    xs = [x for line in lines for x, _ in line.points] or [0.0]
    ys = [y for line in lines for _, y in line.points] + [end for line in lines for ends in line.band for end in ends]
    rows = ticks([y for y in ys if math.isfinite(y)])
    columns = [x for x in ticks(xs, 6) if min(xs) <= x <= max(xs) and x == int(x)]
    place = _Scale(min(xs), max(xs), rows[0], rows[-1], width, height)
    parts = [f'<line class="rule" x1="{LEFT}" x2="{width - RIGHT}" y1="{place.y(y)}" y2="{place.y(y)}"/>' for y in rows]
    parts += [f'<text x="{LEFT - 6}" y="{place.y(y)}" dy=".32em" text-anchor="end">{number(y)}</text>' for y in rows]
    parts += [f'<text x="{place.x(x)}" y="{height - 5}" text-anchor="middle">{number(x)}</text>' for x in columns]
    parts += [
        f'<line class="mark" x1="{place.x(x)}" x2="{place.x(x)}" y1="{TOP}" y2="{height - BOTTOM}"/>'
        for x in marks
        if min(xs) <= x <= max(xs)
    ]
    parts += [_band(line, place) for line in lines if line.band]
    parts += [f'<path class="line {line.css}" d="{_path(line.points, place)}"/>' for line in lines]
    parts += [_dots(line, place) for line in lines]
    body = "".join(parts)
    return Markup(f'<svg viewBox="0 0 {width} {height}" role="img"><title>{escape(title)}</title>{body}</svg>')


def thinned(line: Line) -> Line:
    """The means of neighbouring points, so that a long run makes no larger page than a short one."""
    size = math.ceil(len(line.points) / POINTS)
    if size <= 1 or line.band:
        return line
    groups = [line.points[start : start + size] for start in range(0, len(line.points), size)]
    return Line(line.label, line.css, [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups])


@dataclass(frozen=True)
class _Scale:
    left: float
    right: float
    low: float
    high: float
    width: int
    height: int

    def x(self, value: float) -> float:
        share = (value - self.left) / (self.right - self.left) if self.right > self.left else 0.5
        return round(LEFT + share * (self.width - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        return round(TOP + (self.high - value) / (self.high - self.low) * (self.height - TOP - BOTTOM), 1)


def _path(points: Sequence[Point], place: _Scale) -> str:
    """A line through the finite points, lifted at every gap."""
    parts, pen = [], "M"
    for x, y in points:
        if math.isfinite(y):
            parts.append(f"{pen}{place.x(x)} {place.y(y)}")
        pen = "L" if math.isfinite(y) else "M"
    return "".join(parts)


def _band(line: Line, place: _Scale) -> str:
    xs = [x for x, _ in line.points]
    edge = [(x, high) for x, (_, high) in zip(xs, line.band, strict=True)]
    edge += [(x, low) for x, (low, _) in reversed(list(zip(xs, line.band, strict=True)))]
    return f'<path class="band {line.css}" d="{_path(edge, place)}Z"/>'


def _dots(line: Line, place: _Scale) -> str:
    """A dot for each measurement, and a wide one that nobody sees, for the pointer: it says the exact numbers."""
    points, dots = line.points, []
    for index in range(len(points) - 1, -1, -max(1, math.ceil(len(points) / ANSWERING))):
        x, y = points[index]
        if math.isfinite(y):
            spot = f'cx="{place.x(x)}" cy="{place.y(y)}"'
            ends = " [{:.4g}, {:.4g}]".format(*line.band[index]) if line.band else ""
            told = f"iteration {x:g}: {line.label} {y:.4g}{ends}"
            seen = len(points) == 1 or line.marked and len(points) <= DOTS
            dots.append(f'<circle class="dot {line.css}" {spot} r="3.5"/>' if seen else "")
            dots.append(f'<circle class="aim" {spot} r="9"><title>{escape(told)}</title></circle>')
    return "".join(dots)
