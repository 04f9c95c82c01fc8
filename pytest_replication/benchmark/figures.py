"""Figures of a benchmark: precision over recall for each set, and a heat map of sets and extractors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pytest_replication.benchmark.results import Row, grid
from pytest_replication.errors import BenchmarkError

_SIZE = 3.2
"""Inches of one panel."""
_COLOURS = 10
"""Colours that matplotlib goes through."""
_LINES = ("-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 4)), (0, (8, 4)), (0, (3, 1, 1, 4)))
"""Styles of lines, a score each."""
_ENTRY = 0.2
"""Inches of one line of the legend."""


def draw_curves(rows: Sequence[Row], path: Path) -> None:
    """One panel a set: precision over recall of all pairs, one line an extractor and score.

    An extractor has a colour, and a score a style of line.

    Raises:
        BenchmarkError: matplotlib is missing, or the file cannot be written.
    """
    plt = _pyplot()
    _save(plt, _curves(plt, rows), path)


def check_figures() -> None:
    """Find out whether figures can be drawn, before anything is measured for them.

    Raises:
        BenchmarkError: matplotlib is missing.
    """
    _pyplot()


def _curves(plt: Any, rows: Sequence[Row]) -> Any:
    sets, ways = grid(rows)
    columns = min(3, len(sets))
    lines = -(-len(sets) // columns)
    beside = min(2, columns)  # entries of the legend: a narrow figure has room for one
    legend = 0.3 + _ENTRY * -(-len(ways) // beside)
    height = _SIZE * lines + legend
    figure, axes = plt.subplots(
        lines, columns, figsize=(_SIZE * columns, height), squeeze=False, sharex=True, sharey=True
    )
    for panel, name in zip(axes.flat, sets, strict=False):
        for row in (row for row in rows if row.set == name):
            recall, precision = zip(*row.curve, strict=True)
            panel.plot(recall, precision, **_look(rows, row), label=row.way)
        panel.set(title=name, xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    for panel in list(axes.flat)[len(sets) :]:
        panel.axis("off")
    handles = {
        label: handle
        for panel in axes.flat
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, legend / height)}
    figure.legend(handles.values(), handles.keys(), ncol=beside, fontsize=8, **place)
    figure.tight_layout(rect=(0, legend / height, 1, 1))
    return figure


def _look(rows: Sequence[Row], row: Row) -> dict[str, Any]:
    """A colour for each extractor, and a line for each score: what belongs together looks so."""
    extractor = list(dict.fromkeys(each.extractor for each in rows)).index(row.extractor)
    score = list(dict.fromkeys(each.score for each in rows)).index(row.score)
    # Beyond ten extractors colours come again, thinner.
    return {
        "color": f"C{extractor % _COLOURS}",
        "linestyle": _LINES[score % len(_LINES)],
        "linewidth": max(0.6, 1.6 - 0.5 * (extractor // _COLOURS)),
    }


def draw_heat_map(rows: Sequence[Row], metric: str, path: Path) -> None:
    """Extractors and scores down, sets across, a metric as colour and number.

    Raises:
        BenchmarkError: matplotlib is missing, or the file cannot be written.
    """
    plt = _pyplot()
    sets, ways = grid(rows)
    found = {(row.way, row.set): row.metrics.get(metric) for row in rows}
    values = np.array([[found.get((way, name)) for name in sets] for way in ways], dtype=float)
    figure, axis = plt.subplots(figsize=(3 + 0.9 * len(sets), 1.2 + 0.35 * len(ways)))
    axis.imshow(values, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    axis.set_xticks(range(len(sets)), sets, rotation=30, ha="right")
    axis.set_yticks(range(len(ways)), ways)
    for (line, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            colour = "black" if value > 0.6 else "white"
            axis.text(column, line, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    axis.set_title(metric)
    figure.tight_layout()
    _save(plt, figure, path)


def _pyplot() -> Any:
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        raise BenchmarkError(
            f"figures need matplotlib ({error}): install the extra [bench] of pytest-replication"
        ) from error
    return pyplot


def _save(plt: Any, figure: Any, path: Path) -> None:
    try:
        figure.savefig(path, dpi=110, bbox_inches="tight")
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be written: {error}") from error
    finally:
        plt.close(figure)
