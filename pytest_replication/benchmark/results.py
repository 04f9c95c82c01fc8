"""What a benchmark found: one row a set, extractor and score; kept as JSON after every row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pytest_replication.benchmark.scores import SLICES_OF_A_VECTOR
from pytest_replication.durable import locked, replace_file
from pytest_replication.errors import BenchmarkError

FORMAT = 2
POINTS = 200
"""Points of a precision-recall curve that are kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """How one extractor and score did on one set.

    Attributes:
        set: name of the set.
        extractor: name of the extractor, as its identity has it; as the user wrote it where a run has
            two extractors whose identities have the same name.
        score: name of the score.
        metrics: by name, in [0, 1]; None where a set has no such metric.
        curve: recall and precision of pairs over one threshold, as points.
        queries: number of queries.
        database: number of pictures in the database.
        seconds: that embedding and scoring took; embedding that was found in the cache takes none.
        key: what decides the numbers: the set, the extractor with its weights, the score.
        preprocessing: of the extractor, as its identity has it.
        weights_sha256: digest of its weights, None for one without.
        about: of the set, as it was made or published; for a score with a background also
            ``background``: its ``images``, ``sha256`` over all of them, and how many come near one of the
            database (``near_database``) or of the queries (``near_queries``); for one with ``+pca`` or
            ``+whiten`` ``whitening``: directions that were ``kept``, ``of`` how many, and their share of the
            ``variance`` of the background; for one that compares parts ``chunks``, their number, and
            ``chunks_of``: ``tokens``, or ``slices`` of a vector.
        thresholds: scores that belong to the metrics which have one threshold for all queries, by the name
            of the metric; None where there is none.
    """

    set: str
    extractor: str
    score: str
    metrics: Mapping[str, float | None]
    curve: Sequence[tuple[float, float]]
    queries: int
    database: int
    seconds: float
    key: str
    preprocessing: str
    weights_sha256: str | None
    about: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def way(self) -> str:
        """Extractor and score, as tables and figures name them: slices of a vector are no tokens."""
        sliced = self.about.get("chunks_of") == SLICES_OF_A_VECTOR
        return f"{self.extractor}, {self.score}" + (f" ({self.about['chunks']} slices)" if sliced else "")


def add_results(path: Path, rows: Sequence[Row]) -> None:
    """Add rows to those that the file holds, in the place of any with the same key, by one rename.

    Whoever else writes to the same file waits, so that no rows are lost.

    Raises:
        BenchmarkError: the file is damaged, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
            known = {row.key: row for row in [*read_results(path), *rows]}
            text = json.dumps({"format": FORMAT, "rows": [asdict(row) for row in known.values()]}, indent=1)
            replace_file(path, f"{text}\n".encode())
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be written: {error}") from error


def read_results(path: Path) -> list[Row]:
    """Read the rows of an earlier run; none if there was none.

    Raises:
        BenchmarkError: the file is damaged.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"it has format {data['format']}, expected {FORMAT}")
        rows = [Row(**row) for row in data["rows"]]
        return [Row(**(asdict(row) | {"curve": [(a, b) for a, b in row.curve]})) for row in rows]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchmarkError(f"{path} is damaged ({error}): delete it, it is made again") from error


def as_csv(rows: Sequence[Row]) -> str:
    """One line a row, one column a metric; empty where a set has no such metric.

    The key at the end of a line names its row in the JSON.
    """
    names = _metrics(rows)
    limits = list(dict.fromkeys(name for row in rows for name in row.thresholds))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    identity = ("weights_sha256", "preprocessing", "key")
    writer.writerow(
        [
            "set",
            "extractor",
            "score",
            "queries",
            "database",
            *names,
            *(f"threshold: {name}" for name in limits),
            *identity,
        ]
    )
    for row in rows:
        values = [_number(row.metrics.get(name)) for name in names]
        values += [_number(row.thresholds.get(name)) for name in limits]
        about = [row.weights_sha256 or "", row.preprocessing, row.key]
        writer.writerow([row.set, row.extractor, row.score, row.queries, row.database, *values, *about])
    return text.getvalue()


def as_table(rows: Sequence[Row], metric: str) -> str:
    """Extractors and scores down, sets across, in Markdown; the best of a set is marked, if it is not 0.

    Raises:
        BenchmarkError: no row has the metric.
    """
    if metric not in _metrics(rows):
        raise BenchmarkError(f"there is no metric {metric!r}; there are {', '.join(_metrics(rows))}")
    sets, ways = grid(rows)
    lines = [f"| {metric} | " + " | ".join(sets) + " |", "|---" * (len(sets) + 1) + "|"]
    found = {(row.way, row.set): row.metrics.get(metric) for row in rows}
    best = {name: max((found.get((way, name)) or 0.0 for way in ways), default=0.0) for name in sets}
    for way in ways:
        cells = [_cell(found.get((way, name)), best[name]) for name in sets]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def as_thresholds(rows: Sequence[Row], metric: str) -> str:
    """The same of the thresholds that give a metric, to 6 decimals, as a gate compares scores."""
    sets, ways = grid(rows)
    lines = [f"| threshold of {metric} | " + " | ".join(sets) + " |", "|---" * (len(sets) + 1) + "|"]
    found = {(row.way, row.set): row.thresholds.get(metric) for row in rows}
    lines += [
        f"| {way} | " + " | ".join(_number(found.get((way, name))) for name in sets) + " |" for way in ways
    ]
    return "\n".join(lines)


def grid(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Names of the sets, and of extractors with a score, each in the order of the rows."""
    return list(dict.fromkeys(row.set for row in rows)), list(dict.fromkeys(row.way for row in rows))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _cell(value: float | None, best: float) -> str:
    if value is None:
        return ""
    return f"**{value:.3f}**" if value == best > 0 else f"{value:.3f}"


def _metrics(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.metrics))
