"""Charts: where points lie, what a gap does, and how numbers are written."""

from __future__ import annotations

import math
import re

import pytest

from genrl.report.axis import decimals, duration, number, ticks
from genrl.report.chart import LEFT, POINTS, RIGHT, Line, chart


def path_of(svg: str, css: str) -> list[tuple[str, float, float]]:
    (path,) = re.findall(rf'<path class="{css}" d="([^"]*)"', svg)
    return [(pen, float(x), float(y)) for pen, x, y in re.findall(r"([ML])(\S+) ([\d.]+)", path)]


def test_points_lie_where_the_axes_say() -> None:
    svg = chart([Line("reward", "total", [(0, 0.0), (5, 0.25), (10, 1.0)])], "a title", width=300)
    (_, x0, y0), (_, x1, y1), (_, x2, y2) = path_of(svg, "line total")
    assert (x0, x2) == (LEFT, 300 - RIGHT)
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.1)
    assert (y0 - y1) / (y0 - y2) == pytest.approx(0.25, abs=0.01)
    rules = [float(y) for y in re.findall(r'<line class="rule"[^>]* y1="([\d.]+)"', svg)]
    assert (max(rules), min(rules)) == (y0, y2)


def test_a_band_goes_along_its_high_ends_and_back_along_its_low_ones() -> None:
    svg = chart([Line("reward", "total", [(0, 1.0), (1, 2.0)], [(0.5, 1.5), (1.5, 2.5)], marked=True)], "t")
    edge, line = path_of(svg, "band total"), path_of(svg, "line total")
    assert [x for _, x, _ in edge] == [line[0][1], line[1][1], line[1][1], line[0][1]]
    assert edge[0][2] < line[0][2] < edge[3][2]
    assert edge[1][2] < line[1][2] < edge[2][2]
    assert "iteration 1: reward 2 [1.5, 2.5]" in svg


def test_a_value_that_is_not_finite_is_a_gap() -> None:
    svg = chart([Line("loss", "healthy", [(1, 1.0), (2, math.nan), (3, 2.0), (4, math.inf), (5, 1.5), (6, 1.0)])], "t")
    assert [pen for pen, *_ in path_of(svg, "line healthy")] == ["M", "M", "M", "L"]
    assert "nan" not in svg
    assert "inf" not in svg


def test_a_long_line_is_thinned_to_means() -> None:
    points = [(float(step), float(step % 2)) for step in range(1, 10 * POINTS + 1)]
    thin = path_of(chart([Line("loss", "healthy", points)], "t"), "line healthy")
    assert len(thin) == POINTS
    assert len({y for *_, y in thin}) == 1


def test_labels_are_escaped() -> None:
    svg = chart([Line("<b>", "total", [(0, 0.0)], marked=True)], "</title><script>")
    assert "<b>" not in svg
    assert "<script>" not in svg


@pytest.mark.parametrize("values", [[0.0], [1.0], [], [0.3, 0.71], [-2.0, 5.0], [1e-16, 4e-16], [0, 40], [1e6, 3e7]])
def test_ticks_are_round_even_and_enclose_everything(values: list[float]) -> None:
    found = ticks(values)
    assert 2 <= len(found) <= 6
    rounding = 1e-8 * (found[-1] - found[0])
    assert all(found[0] - rounding <= value <= found[-1] + rounding for value in values)
    gaps = [after - before for before, after in zip(found, found[1:], strict=False)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps))
    assert f"{gaps[0]:.0e}"[0] in "125"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.08089, "0.0809"), (1.0, "1"), (999.6, "1,000"), (12345.0, "12,345"), (5.4e-5, "5.4e-5"), (1.5e6, "1.5e6")],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("values", "places"), [((0.7, 0.2), 3), ((21.7, 0.0), 3), ((0.0012, 0.0004), 5), ((-0.051, 0.0), 4), ((0.0, 0.0), 3)]
)
def test_decimals_show_three_digits_of_the_largest(values: tuple[float, float], places: int) -> None:
    assert decimals(*values) == places


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 s"), (48.24, "48.2 s"), (59.99, "60 s"), (100.0, "1 min 40 s"), (3599.6, "1 h 00 min"), (190_000, "2 d 04 h")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
