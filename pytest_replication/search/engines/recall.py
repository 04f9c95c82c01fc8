"""The recall of an engine, measured where it matters: copies at exactly the threshold.

Copies are planted: a stored vector is turned away, in a random direction, until its cosine is the
threshold. An effort is chosen with one set of them and proved with another, so that the choice does
not flatter the proof. A wrong certificate would have to pass both by chance, which at 95 %
confidence or more has a probability of at most 0.05 squared for each effort; there are 20 of them at
most, so all in all the confidence holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SearchError, SettingsError
from pytest_replication.index.manifest import now
from pytest_replication.index.reader import Index
from pytest_replication.search.engines.base import Engine
from pytest_replication.search.engines.certificate import (
    CONFIDENCE,
    DECIMALS,
    MIN_PLANTED,
    Certificate,
    Refusal,
)
from pytest_replication.search.engines.entry import generation_of
from pytest_replication.search.engines.planting import TOLERANCE, check_threshold, planted
from pytest_replication.search.vectors import check_vectors, cosines
from pytest_replication.stats.intervals import lower_bound, samples_to_prove

_CHUNK = 256
"""Queries between two looks at the misses."""
_DOUBLINGS = 19


@dataclass(frozen=True, slots=True)
class _Trial:
    """How an effort did."""

    effort: int
    planted: int
    misses: int
    bound: float


def certify(
    index: Index,
    engine: Engine,
    threshold: float,
    *,
    k: int,
    count: int = MIN_PLANTED,
    min_recall: float = 0.999,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    removed: NDArray[np.int64] | None = None,
    progress: bool = True,
) -> Certificate | Refusal:
    """Raise the effort of an engine until its recall at a threshold is proved.

    A planted query is found when at least one of k candidates has an exact cosine of the threshold
    or more (1e-6 below it is allowed for rounding): another vector that is that near counts, since
    a gate asks whether a sample is replicated at all. The engine keeps the effort of a certificate;
    after a refusal it has the one it came with.

    Args:
        index: an open index. Its vectors are compared with their sha256 before.
        engine: an engine of this index; `store.add_certificate` keeps the result with it.
        threshold: cosine, in (0, 1].
        k: candidates for each query.
        count: planted queries, 3000 or more.
        min_recall: what the lower bound of the recall has to reach.
        confidence: of that bound, 0.95 or more.
        seed: of the planted queries; the same gives the same result.
        removed: rows that are not searched any more: neither planted from nor counted when found.
        progress: show a progress bar when standard error is a terminal.

    Raises:
        SettingsError: a number outside its range, or too few queries for the recall.
        SearchError: the engine is one of other vectors.
        IndexCorrupt: a shard is damaged.
    """
    _check(index, engine, threshold, k, count, min_recall, confidence)
    check_vectors(index, progress=progress)
    measure = _Measure(index, engine, round(threshold, DECIMALS), k, count, min_recall, confidence, removed)
    before, refused = engine.effort, []
    choosing = measure.plant(seed)
    for number, effort in enumerate(_efforts(engine), 1):
        trial = measure.of(effort, choosing, progress)
        if measure.proves(trial):
            trial = measure.of(effort, measure.plant(seed + number), progress)
        if measure.proves(trial):
            return measure.certificate(trial, seed + number)
        refused.append(trial)
    engine.effort = before
    return measure.refusal(max(refused, key=lambda trial: trial.bound))


@dataclass(frozen=True, slots=True)
class _Measure:
    """One question, asked at one effort after another."""

    index: Index
    engine: Engine
    threshold: float
    k: int
    count: int
    min_recall: float
    confidence: float
    removed: NDArray[np.int64] | None

    def plant(self, seed: int) -> NDArray[np.float32]:
        return planted(self.index, self.threshold, self.count, seed, removed=self.removed)[0]

    def of(self, effort: int, queries: NDArray[np.float32], progress: bool) -> _Trial:
        """Count the queries that are not found; stops as soon as the proof is out of reach."""
        from tqdm import tqdm

        self.engine.effort = effort
        asked = misses = 0
        title = f"{self.engine.name}, effort {effort}"
        with tqdm(total=len(queries), desc=title, unit="query", disable=None if progress else True) as bar:
            while asked < len(queries) and self._reachable(misses):
                chunk = queries[asked : asked + _CHUNK]
                misses += self._misses(chunk)
                asked += len(chunk)
                bar.update(len(chunk))
        return _Trial(effort, asked, misses, lower_bound(asked - misses, asked, self.confidence))

    def proves(self, trial: _Trial) -> bool:
        return trial.planted == self.count and trial.bound >= self.min_recall

    def certificate(self, trial: _Trial, seed: int) -> Certificate:
        entry = self.engine.entry
        return Certificate(
            threshold=self.threshold,
            k=self.k,
            planted=trial.planted,
            misses=trial.misses,
            bound=trial.bound,
            confidence=self.confidence,
            min_recall=self.min_recall,
            engine=self.engine.name,
            library=entry.library,
            parameters=dict(entry.parameters),
            effort=trial.effort,
            generation=entry.generation,
            files=entry.digest,
            seed=seed,
            created=now(),
        )

    def refusal(self, best: _Trial) -> Refusal:
        return Refusal(
            engine=self.engine.name,
            threshold=self.threshold,
            k=self.k,
            min_recall=self.min_recall,
            confidence=self.confidence,
            planted=best.planted,
            misses=best.misses,
            bound=best.bound,
            effort=best.effort,
        )

    def _reachable(self, misses: int) -> bool:
        return lower_bound(self.count - misses, self.count, self.confidence) >= self.min_recall

    def _misses(self, queries: NDArray[np.float32]) -> int:
        numbers = self.engine.candidates(queries, self.k)
        scores = cosines(self.index, queries, numbers)
        if self.removed is not None:
            rows = numbers // len(self.index.manifest.views)
            scores[np.isin(rows, self.removed)] = -np.inf
        found = scores.max(axis=1) >= self.threshold - TOLERANCE
        return int((~found).sum())  # NaN is a miss


def _efforts(engine: Engine) -> Iterator[int]:
    """The engine's own effort, doubled up to the exhaustive one: 20 at most."""
    effort = max(engine.effort, engine.exhaustive >> (_DOUBLINGS - 1))
    while effort < engine.exhaustive:
        yield effort
        effort *= 2
    yield engine.exhaustive


def _check(
    index: Index, engine: Engine, threshold: float, k: int, count: int, min_recall: float, confidence: float
) -> None:
    check_terms(threshold, k, count, min_recall, confidence)
    if engine.entry.generation != generation_of(index):
        raise SearchError(
            f"the {engine.name} engine is one of other vectors than {index.path} holds: open its own"
        )


def check_terms(threshold: float, k: int, count: int, min_recall: float, confidence: float) -> None:
    """Refuse what no measurement could certify; the arguments are those of `certify`.

    Raises:
        SettingsError: a number outside its range, or too few queries for the recall.
    """
    check_threshold(round(threshold, DECIMALS))
    if k < 1 or count < MIN_PLANTED:
        raise SettingsError(
            f"a certificate of {count} planted queries with {k} candidates each says too little: at least "
            f"{MIN_PLANTED} with 1"
        )
    if not 0 < min_recall < 1 or not CONFIDENCE <= confidence < 1:
        raise SettingsError(
            f"recall {min_recall} must be between 0 and 1, and confidence {confidence} from {CONFIDENCE} to 1"
        )
    if lower_bound(count, count, confidence) < min_recall:
        raise SettingsError(
            f"{count} planted queries cannot prove a recall of {min_recall:g} at {confidence:g} confidence, "
            f"whatever is found: give at least {samples_to_prove(0, 1 - min_recall, confidence)}"
        )
