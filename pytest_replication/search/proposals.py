"""Nearest training images as an approximate engine sees them: proposed by it, scored exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_replication.choices import EngineChoice
from pytest_replication.errors import SearchError, SettingsError
from pytest_replication.index.reader import Index
from pytest_replication.search.collect import collect, tidy, unit_queries
from pytest_replication.search.engines import Certificate, Engine, engine_class, open_engine
from pytest_replication.search.engines.certificate import CONFIDENCE
from pytest_replication.search.neighbours import Neighbours, SearchedBy
from pytest_replication.search.vectors import check_vectors, cosines

CANDIDATES = 20
"""Stored vectors that an engine is asked for a query, at least: what certificates are measured with."""
_QUERIES = 256
"""Queries whose candidates are scored at once: bounds the vectors that are read to their product."""


def propose(
    index: Index,
    samples: NDArray[np.float32],
    k: int,
    choice: EngineChoice,
    threshold: float | None = None,
    confidence: float = CONFIDENCE,
) -> tuple[Neighbours, SearchedBy]:
    """Find training images near samples through an approximate engine.

    What is found is real: the scores are exact, and the vectors are compared with their checksums.
    What is not found may be there all the same, unless a certificate bounds that.

    Args:
        index: an open index.
        samples: (n, views, dim) unit vectors from the index's own embedder.
        k: training images a sample.
        choice: the engine, and whether a certificate of its recall is looked for.
        threshold: score that the certificate has to be about.
        confidence: that the certificate has to have.

    Returns:
        The neighbours of each sample, and what is known of the recall.

    Raises:
        SettingsError: there is no engine of that name, its library is not installed, or the recall that
            is demanded is none.
        SearchError: the engine cannot be used as things are: the reason, and what mends it.
        IndexCorrupt: a shard is damaged.
    """
    engine_class(choice.engine)
    if not 0 < choice.min_recall < 1:
        raise SettingsError(f"min_recall {choice.min_recall} is no recall between 0 and 1: 99.9 % is 0.999")
    if len(index.removed):
        raise SearchError(
            f"{len(index.removed)} rows of {index.path} are removed but still stored, and would crowd out "
            "others: run 'pytest-replication compact', and build the engine again"
        )
    views = len(index.manifest.views)
    candidates = max(CANDIDATES, 2 * k * views)
    engine = open_engine(index, choice.engine)
    by = _recall(index, engine, choice, threshold, candidates, confidence)
    check_vectors(index)
    queries = unit_queries(index, samples)
    numbers = np.full((len(queries), candidates), -1, np.int64)
    scores = np.full(numbers.shape, -np.inf)
    for first in range(0, len(queries), _QUERIES):
        part = slice(first, first + _QUERIES)
        numbers[part] = engine.candidates(queries[part], candidates)
        scores[part] = tidy(cosines(index, queries[part], numbers[part]))
    found = collect(numbers, scores, samples.shape[1], views, k, index.rows)
    if (missing := int((found.rows[:, 0] < 0).sum())) > 0:
        raise SearchError(f"{engine.name} proposes no training image at all for {missing} samples")
    return found, by


def _recall(
    index: Index,
    engine: Engine,
    choice: EngineChoice,
    threshold: float | None,
    candidates: int,
    confidence: float,
) -> SearchedBy:
    """What is known of the recall; the engine is told to look as hard as its certificate demands."""
    if threshold is None:
        return SearchedBy(engine.name, None)
    if not choice.allow_approximate:
        return SearchedBy(
            engine.name, None, note=f"{engine.name} may not pass a check (allow-approximate is off)"
        )
    if index.pinned is not None:
        return SearchedBy(
            engine.name,
            None,
            note=f"a fingerprint is pinned ({index.pinned.source}), which does not cover the certificate of "
            f"{engine.name}",
        )
    found = engine.entry.certificate_for(threshold, choice.min_recall, candidates, confidence)
    if found is None:
        more = confidence > CONFIDENCE
        return SearchedBy(
            engine.name,
            None,
            note=f"{engine.name} has no certificate of a recall of {choice.min_recall:g} at {threshold:g} "
            + (f"with {confidence:g} confidence " if more else "")
            + f"('pytest-replication engine {index.path} {engine.name} --threshold {threshold:g} "
            f"--min-recall {choice.min_recall:g}{f' --confidence {confidence:g}' if more else ''}' "
            "measures it)",
        )
    # Above the exhaustive effort there is nothing more to find; it was another one in earlier versions.
    engine.effort = min(found.effort, engine.exhaustive)
    return _certified(found)


def _certified(certificate: Certificate) -> SearchedBy:
    return SearchedBy(
        engine=certificate.engine,
        recall=certificate.bound,
        threshold=certificate.threshold,
        planted=certificate.planted,
        misses=certificate.misses,
        confidence=certificate.confidence,
    )
