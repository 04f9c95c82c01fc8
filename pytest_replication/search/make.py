"""Making codes or an engine, and having its recall certified: one call for all of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pytest_replication.choices import EngineChoice
from pytest_replication.errors import SearchError, SettingsError, ThresholdMissing
from pytest_replication.index.opening import open_index
from pytest_replication.index.reader import Index
from pytest_replication.search import codes
from pytest_replication.search.engines import (
    Certificate,
    Engine,
    EngineEntry,
    Refusal,
    add_certificate,
    build_engine,
    certify,
    engine_class,
    open_engine,
)
from pytest_replication.search.engines.certificate import CONFIDENCE, MIN_PLANTED
from pytest_replication.search.engines.recall import check_terms
from pytest_replication.search.proposals import CANDIDATES
from pytest_replication.stats.intervals import samples_to_prove

_MIN_RECALL = EngineChoice().min_recall
_TERMS = (_MIN_RECALL, CONFIDENCE)
_NO_TERMS = (
    f"{codes.NAME} loses nothing, so there is nothing to certify: give no threshold, and no terms of a "
    "certificate (recall, planted copies, confidence)"
)


@dataclass(frozen=True, slots=True)
class EngineReport:
    """What `make_engine` did.

    Attributes:
        index: folder of the index.
        engine: ``int8``, or the name of the engine.
        shards: of the index.
        coded: shards whose codes were made; those of the others were there. 0 for an engine.
        entry: what the engine is, its certificates included; None for codes.
        results: for each threshold its certificate, or why there is none.
    """

    index: str
    engine: str
    shards: int
    coded: int = 0
    entry: EngineEntry | None = None
    results: tuple[Certificate | Refusal, ...] = ()

    @property
    def certified(self) -> bool:
        """Whether checks may pass on its word at all thresholds that were asked for; codes always may."""
        return all(isinstance(result, Certificate) for result in self.results)


class _Terms(NamedTuple):
    """What a certificate takes: planted copies, the recall to prove, and the confidence."""

    planted: int
    min_recall: float
    confidence: float


def make_engine(
    index: Index | str | os.PathLike[str],
    name: str,
    thresholds: float | Sequence[float] | None = None,
    *,
    min_recall: float = _MIN_RECALL,
    planted: int | None = None,
    confidence: float = CONFIDENCE,
    rebuild: bool = False,
    progress: bool = True,
) -> EngineReport:
    """Make what an index lacks of codes or of an engine, and certify the engine.

    Args:
        index: an open index or its folder.
        name: ``int8`` for the 8-bit codes of the exact scan, or an engine: ``annoy``, ``faiss-hnsw``,
            ``faiss-ivf``.
        thresholds: scores at which the recall of the engine is measured, in (0, 1]; None for the
            threshold of the embedder.
        min_recall: what a certificate has to prove, between 0 and 1.
        planted: copies that are planted for a certificate, 3000 or more; None for 3000, or as many
            as it takes to prove the recall when none is missed.
        confidence: of a certificate, 0.95 or more.
        rebuild: make codes or an engine anew that are there already.
        progress: show progress bars when standard error is a terminal.

    Raises:
        SettingsError: terms of a certificate for codes, no engine of that name, its library is not
            installed, a number is outside its range, or removed rows are still stored; nothing is built then.
        ThresholdMissing: the embedder has no threshold of its own.
        SearchError: the library of the engine gives wrong results on this machine.
        IndexUnavailable: the index cannot be opened, is damaged, or another process works on it.
        BuildError: the codes or the engine cannot be made or written.
    """
    opened = index if isinstance(index, Index) else open_index(index)
    if name == codes.NAME:
        if thresholds is not None or planted is not None or (min_recall, confidence) != _TERMS:
            raise SettingsError(_NO_TERMS)
        made = codes.write_codes(opened, rebuild=rebuild, progress=progress)
        return EngineReport(str(opened.path), name, len(opened.shards), coded=made)
    engine_class(name).library()
    _require_compact(opened)
    wanted = _thresholds(opened, thresholds)
    count = planted if planted is not None else _enough(min_recall, confidence)
    for threshold in wanted:
        check_terms(threshold, CANDIDATES, count, min_recall, confidence)
    engine = _engine(opened, name, rebuild, progress)
    terms = _Terms(count, min_recall, confidence)
    results = tuple(_certified(opened, engine, threshold, terms, progress) for threshold in wanted)
    return EngineReport(str(opened.path), name, len(opened.shards), entry=engine.entry, results=results)


def _require_compact(index: Index) -> None:
    """Refuse removed rows that are still stored: they could crowd out others, so that no gate asks an engine.

    Raises:
        SettingsError: there are some.
    """
    if len(index.removed):
        raise SettingsError(
            f"{len(index.removed)} rows of {index.path} are removed but still stored: no check would "
            f"ask an engine: run 'pytest-replication compact {index.path}' first"
        )


def _certified(
    index: Index, engine: Engine, threshold: float, terms: _Terms, progress: bool
) -> Certificate | Refusal:
    """Measure the recall of an engine at a threshold; a certificate is kept with the engine."""
    result = certify(
        index,
        engine,
        threshold,
        k=CANDIDATES,
        count=terms.planted,
        min_recall=terms.min_recall,
        confidence=terms.confidence,
        progress=progress,
    )
    if isinstance(result, Certificate):
        engine.entry = add_certificate(index, result)
    return result


def _thresholds(index: Index, given: float | Sequence[float] | None) -> list[float]:
    if given is not None:
        wanted = [given] if isinstance(given, (int, float)) else list(given)
        if not wanted:
            raise SettingsError("there are no thresholds to certify an engine at: give one or more")
        return wanted
    default = index.embedder.default_threshold
    if default is None:
        raise ThresholdMissing(
            f"the embedder {index.manifest.embedder.name} of {index.path} has no documented threshold to "
            "certify an engine at: give --threshold, or thresholds= in the call"
        )
    return [default.value]


def _enough(min_recall: float, confidence: float) -> int:
    """Copies that prove a recall when none is missed; the least number for what makes no sense."""
    if not 0 < min_recall < 1 or not 0 < confidence < 1:
        return MIN_PLANTED
    return max(MIN_PLANTED, (samples_to_prove(0, 1 - min_recall, confidence) or 0) + 1)


def _engine(index: Index, name: str, rebuild: bool, progress: bool) -> Engine:
    """The engine that is there, if it is sound and one of these vectors; else a new one."""
    if not rebuild:
        try:
            return open_engine(index, name)
        except SearchError:
            pass
    build_engine(index, name, progress=progress)
    return open_engine(index, name)
