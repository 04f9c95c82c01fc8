"""A plot with two logarithmic axes as SVG, readable on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 640, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 46, 56
COLOURS = ("#3b82c4", "#d97706", "#3f9d63", "#b05cc0")

STYLE = """<style>
text { font: 13px sans-serif; fill: #24292f }
.grid { stroke: #8b949e; stroke-opacity: .35 }
.guide { stroke: #8b949e; stroke-dasharray: 5 5; fill: none }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
</style>"""

Points = Sequence[tuple[float, float]]


def log_log(title: str, across: str, up: str, lines: Mapping[str, Points]) -> str:
    """Draw lines of positive points.

    Args:
        title: above the plot.
        across: label of the horizontal axis.
        up: label of the vertical axis.
        lines: points by the name of their line. A dashed guide of proportional growth goes
            through the last point of the last one.
    """
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    horizontal, vertical = _Axis(xs, LEFT, WIDTH - RIGHT), _Axis(ys, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        STYLE,
        _text(title, WIDTH / 2, 20, "middle"),
        _text(across, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "middle"),
        f'<g transform="rotate(-90 16 {HEIGHT / 2})">{_text(up, 16, HEIGHT / 2, "middle")}</g>',
    ]
    for value in horizontal.decades:
        x = horizontal.place(value)
        parts += [_line(x, TOP, x, HEIGHT - BOTTOM), _text(_number(value), x, HEIGHT - BOTTOM + 18, "middle")]
    for value in vertical.decades:
        y = vertical.place(value)
        parts += [_line(LEFT, y, WIDTH - RIGHT, y), _text(_number(value), LEFT - 8, y + 4, "end")]
    parts.append(_guide(horizontal, vertical, max(list(lines.values())[-1])))
    for place, (name, points) in enumerate(lines.items()):
        parts += _curve(horizontal, vertical, points, COLOURS[place % len(COLOURS)])
        parts.append(_key(name, place))
    parts.append(_text("dashed: proportional to the rows", LEFT + 34, TOP + 18 + 20 * len(lines), "start"))
    return "\n".join([*parts, "</svg>", ""])


class _Axis:
    """Places of positive numbers between two ends, over whole decades."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
        self._start, self._end = start, end

    @property
    def decades(self) -> list[float]:
        return [10.0**power for power in range(self._low, self._high + 1)]

    @property
    def ends(self) -> tuple[float, float]:
        return 10.0**self._low, 10.0**self._high

    def place(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)


def _guide(horizontal: _Axis, vertical: _Axis, through: tuple[float, float]) -> str:
    """The line y / x = constant through a point, as far as it lies in the plot."""
    slope = through[1] / through[0]
    (left, right), (low, high) = horizontal.ends, vertical.ends
    start, end = max(left, low / slope), min(right, high / slope)
    points = [(start, start * slope), (end, end * slope)]
    places = " ".join(f"{horizontal.place(x)},{vertical.place(y)}" for x, y in points)
    return f'<polyline class="guide" points="{places}"/>'


def _curve(horizontal: _Axis, vertical: _Axis, points: Points, colour: str) -> list[str]:
    places = [(horizontal.place(x), vertical.place(y)) for x, y in points]
    path = " ".join(f"{x},{y}" for x, y in places)
    dots = [f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>' for x, y in places]
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>', *dots]


def _key(name: str, place: int) -> str:
    y = TOP + 14 + 20 * place
    mark = f'<line x1="{LEFT + 8}" y1="{y}" x2="{LEFT + 28}" y2="{y}" stroke="{COLOURS[place]}"'
    return f'{mark} stroke-width="3"/>{_text(name, LEFT + 34, y + 4, "start")}'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _text(text: str, x: float, y: float, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
