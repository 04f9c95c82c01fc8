"""Run a benchmark: sets x extractors x scores → rows. Killed, it goes on where it was."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_replication.benchmark.features import Features, features, key_of
from pytest_replication.benchmark.metrics import masks, pair_curve, summarise
from pytest_replication.benchmark.results import POINTS, Row, read_results, write_results
from pytest_replication.benchmark.scores import Score, score_named
from pytest_replication.benchmark.sets import Picture, RetrievalSet
from pytest_replication.embedders import Embedder, load_embedder
from pytest_replication.errors import BenchmarkError

RESULTS = "results.json"


def run_benchmark(
    sets: Sequence[RetrievalSet],
    embedders: Sequence[str],
    scores: Sequence[str],
    out: Path,
    *,
    background: Sequence[Picture] = (),
    device: str = "auto",
    progress: bool = True,
) -> list[Row]:
    """Measure how well extractors and scores find what sets hold.

    Features are cached below ``out``, results are written after every row; what an earlier run in the
    same folder measured on the same pictures with the same weights is not measured again.

    Args:
        sets: with names that differ.
        embedders: names as `load_embedder` takes them.
        scores: names as `scores.score_named` takes them. One that needs tokens is left out for an
            extractor without.
        out: folder for results and features.
        background: pictures that are in no set, for scores that are normalised or whitened.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: show progress bars when standard error is a terminal.

    Returns:
        One row for each set, extractor and score that fit, in this order of loops: extractors, sets,
        scores.

    Raises:
        BenchmarkError: nothing to do, sets of the same name, or a score without its background.
        EmbedderError, SettingsError: an extractor cannot be loaded or misbehaves.
    """
    wanted = [score_named(name) for name in scores]
    _check(sets, embedders, wanted, background)
    known = {row.key: row for row in read_results(out / RESULTS)}
    rows: list[Row] = []
    for name in embedders:
        embedder = load_embedder(name, device=device)
        fit = [score for score in wanted if score.fits(embedder)]
        for made in sets:
            todo = {score: _key(made, embedder, score, background) for score in fit}
            missing = [score for score, key in todo.items() if key not in known]
            for row in _measure(made, embedder, missing, background, out / "features", progress):
                known[row.key] = row
                write_results(out / RESULTS, list(known.values()))
            rows += [known[key] for key in todo.values()]
    if not rows:
        raise BenchmarkError(f"none of the scores {', '.join(scores)} fits any of {', '.join(embedders)}")
    return rows


def _check(
    sets: Sequence[RetrievalSet],
    embedders: Sequence[str],
    scores: Sequence[Score],
    background: Sequence[Picture],
) -> None:
    if not (sets and embedders and scores):
        raise BenchmarkError(
            f"{len(sets)} sets, {len(embedders)} extractors and {len(scores)} scores are no benchmark: give "
            "at least one of each"
        )
    names = [made.name for made in sets]
    for name in names:
        if names.count(name) > 1:
            raise BenchmarkError(f"two sets are named {name}: results could not be told apart")
    for score in scores:
        if score.needs_background and not background:
            raise BenchmarkError(f"the score {score.name} needs a background set: give --background IMAGES")


def _measure(
    made: RetrievalSet,
    embedder: Embedder,
    scores: Sequence[Score],
    background: Sequence[Picture],
    cache: Path,
    progress: bool,
) -> list[Row]:
    if not scores:
        return []
    started = time.monotonic()
    tokens = any(score.needs_tokens for score in scores)
    title = f"{made.name}, {embedder.spec.name}"

    def embed(pictures: Sequence[Picture], side: str) -> Features:
        return features(pictures, embedder, cache, tokens=tokens, title=f"{title}, {side}", progress=progress)

    queries = embed([query.picture for query in made.queries], "queries")
    database = embed(made.database, "database")
    behind = embed(background, "background") if any(score.needs_background for score in scores) else None
    positives, junk = masks(made)
    embedding = time.monotonic() - started
    rows = []
    for score in scores:
        started = time.monotonic()
        matrix = score.matrix(queries, database, behind)
        curve = pair_curve(matrix, positives, junk)
        rows.append(
            Row(
                set=made.name,
                extractor=embedder.spec.name,
                score=score.name,
                metrics=summarise(matrix, positives, junk),
                curve=_thin(curve.recall, curve.precision),
                queries=len(made.queries),
                database=len(made.database),
                seconds=round(embedding + time.monotonic() - started, 3),
                key=_key(made, embedder, score, background),
                about=dict(made.about),
            )
        )
    return rows


def _key(made: RetrievalSet, embedder: Embedder, score: Score, background: Sequence[Picture]) -> str:
    truth = [[q.picture.id, sorted(q.positives), sorted(q.junk)] for q in made.queries]
    sides = [
        made.name,
        score.name,
        truth,
        key_of([query.picture for query in made.queries], embedder),
        key_of(made.database, embedder),
        key_of(background, embedder) if score.needs_background else "",
    ]
    return hashlib.sha256(json.dumps(sides).encode()).hexdigest()


def _thin(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Some points of a curve, its ends among them."""
    chosen = np.unique(np.linspace(0, len(recall) - 1, min(POINTS, len(recall))).astype(int))
    return [(round(float(recall[i]), 6), round(float(precision[i]), 6)) for i in chosen]
