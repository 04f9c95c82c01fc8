"""Scores of samples against those of images that cannot be copies, as SVG."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_replication.reports.html.escaped import limit, listed, part, score, told
from pytest_replication.reports.values import count, number
from pytest_replication.reports.words import many

WIDTH, HEIGHT = 640, 230
_TOP, _BASE, _LEFT, _RIGHT = 26, 192, 8, 8
_BINS = 48
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 10, 1000)
_FAR = 1e6
_LEAST = 0.005
_NARROWEST = 1e-6
_RUG = 300
"""Samples at or above the threshold, up to which each has a stroke of its own; of more the bars are seen."""


def histogram(check: Mapping[str, Any], name: str) -> str:
    """Draw the scores of a check.

    Both histograms have the same area, so that sets of any two sizes can be compared; samples at or above the
    threshold, of which few are too low a bar to be seen, have a stroke each below the axis.

    Args:
        check: of a file of results, with ``scores``, ``null`` and ``threshold``.
        name: of the check, unique in the page, for the ids of title and description.

    Returns:
        An element ``svg``; empty where there are no scores.
    """
    scores = sorted(value for given in listed(check, "scores") if (value := _drawable(given)) is not None)
    if not scores:
        return ""
    threshold = None if check.get("fdr") is not None else _drawable(check.get("threshold"))
    edges, counts = _null(check)
    low = min([scores[0], *edges[:1], *([] if threshold is None else [threshold])])
    high = max([scores[-1], *edges[-1:], *([] if threshold is None else [threshold])])
    margin = max(0.03 * (high - low), _LEAST)
    low, high = low - margin, high + margin
    own_edges = _edges(low, high, threshold)
    own = _densities(own_edges, _counted(scores, own_edges))
    null = _densities(edges, counts)
    tallest = max([*own, *null]) or 1

    def across(value: float) -> float:
        return round(_LEFT + (value - low) / (high - low) * (WIDTH - _LEFT - _RIGHT), 1)

    def up(density: float) -> float:
        return round(_BASE - density / tallest * (_BASE - _TOP), 1)

    over = [] if threshold is None else [value for value in scores if value >= threshold]
    drawn = [
        _area(edges, null, across, up),
        *_bars(own_edges, own, threshold, (low, high), across, up),
        f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{_BASE}" y2="{_BASE}"/>',
        *(_stroke(across(value)) for value in over if len(over) <= _RUG),
        *_ticks(low, high, across),
        *([] if threshold is None else _threshold(across(threshold), limit(threshold))),
    ]
    said = _said(scores, over, threshold, sum(counts))
    return (
        f'<svg class="histogram" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{name}-title {name}-said"><title id="{name}-title">Histogram of scores</title>'
        f'<desc id="{name}-said">{told(said)}</desc>{"".join(drawn)}</svg>'
    )


def _said(scores: Sequence[float], over: Sequence[float], threshold: float | None, null: int) -> str:
    """The same in words, for who does not see it."""
    middle = scores[len(scores) // 2]
    said = f"{many(len(scores), 'sample')}: median {score(middle, threshold)}, "
    said += f"highest {score(scores[-1], threshold)}"
    if threshold is not None:
        said += f"; {len(over):,} at or above the threshold {limit(threshold)}"
    return said + (f"; beside them {many(null, 'image')} of the hold-out" if null else "")


def _null(check: Mapping[str, Any]) -> tuple[list[float], list[int]]:
    """Edges and counts of the null; empty where there is none that could be drawn."""
    given = part(check, "null")
    edges = [value for edge in listed(given, "edges") if (value := _drawable(edge)) is not None]
    counts = [count(value) for value in listed(given, "counts")]
    rising = all(after - before > _NARROWEST for before, after in itertools.pairwise(edges))
    sound = len(edges) == len(counts) + 1 and sum(counts) > 0
    return (edges, counts) if sound and rising else ([], [])


def _drawable(value: object) -> float | None:
    """A number that leaves room for others beside it."""
    given = number(value)
    return given if given is not None and abs(given) < _FAR else None


def _edges(low: float, high: float, threshold: float | None) -> list[float]:
    """Edges of equal bins; a threshold is one of them, so that no bin lies on both sides of it."""
    width, fixed = (high - low) / _BINS, low if threshold is None else threshold
    first = -math.ceil((fixed - low) / width)
    return [fixed + width * step for step in range(first, first + _BINS + 2)]


def _counted(scores: Sequence[float], edges: Sequence[float]) -> list[int]:
    counts = [0] * (len(edges) - 1)
    for value in scores:
        counts[min(max(bisect.bisect_right(edges, value) - 1, 0), len(counts) - 1)] += 1
    return counts


def _densities(edges: Sequence[float], counts: Sequence[int]) -> list[float]:
    total = sum(counts) or 1
    return [
        amount / total / (right - left)
        for amount, (left, right) in zip(counts, itertools.pairwise(edges), strict=True)
    ]


def _area(edges: Sequence[float], densities: Sequence[float], across: Any, up: Any) -> str:
    if not densities:
        return ""
    path = [f"M{across(edges[0])} {_BASE}"]
    for density, (left, right) in zip(densities, itertools.pairwise(edges), strict=True):
        path.append(f"L{across(left)} {up(density)}L{across(right)} {up(density)}")
    return f'<path class="null" d="{"".join(path)}L{across(edges[-1])} {_BASE}Z"/>'


def _bars(
    edges: Sequence[float],
    densities: Sequence[float],
    threshold: float | None,
    ends: tuple[float, float],
    across: Any,
    up: Any,
) -> list[str]:
    bars = []
    for density, (left, right) in zip(densities, itertools.pairwise(edges), strict=True):
        if density:
            kind = "below" if threshold is None or left < threshold else "above"
            x, end = across(max(left, ends[0])), across(min(right, ends[1]))
            bars.append(
                f'<rect class="{kind}" x="{x}" y="{up(density)}" width="{max(0.5, round(end - x - 1, 1))}" '
                f'height="{round(_BASE - up(density), 1)}"/>'
            )
    return bars


def _stroke(x: float) -> str:
    return f'<line class="rug" x1="{x}" x2="{x}" y1="{_BASE + 3}" y2="{_BASE + 12}"/>'


def _threshold(x: float, value: str) -> list[str]:
    anchor, shift = ("end", -5) if x > WIDTH / 2 else ("start", 5)
    return [
        f'<line class="threshold" x1="{x}" x2="{x}" y1="6" y2="{_BASE + 14}"/>',
        f'<text class="threshold" x="{x + shift}" y="16" text-anchor="{anchor}">threshold {value}</text>',
    ]


def _ticks(low: float, high: float, across: Any) -> list[str]:
    """Round numbers below the axis."""
    step = next((wide for wide in _STEPS if (high - low) / wide <= 8), high - low)
    first = int(low // step) + 1
    places = [tick for number in range(first, first + 9) if low < (tick := number * step) < high]
    return [
        f'<text class="tick" x="{across(place)}" y="{HEIGHT - 8}" text-anchor="middle">{place:.4g}</text>'
        for place in places
    ]
