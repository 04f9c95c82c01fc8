"""Assertions: a check whose verdict fails the test."""

from __future__ import annotations

import os

from pytest_replication.accepted import Accepted
from pytest_replication.asked import Asked
from pytest_replication.asserted import asserted
from pytest_replication.check import measure
from pytest_replication.choices import EngineChoice
from pytest_replication.extraction import measure_extraction
from pytest_replication.extraction_verdicts import ExtractionVerdict
from pytest_replication.index.reader import Index
from pytest_replication.object_rules import ObjectsGiven
from pytest_replication.reports.extraction import render_extraction
from pytest_replication.reports.text import render
from pytest_replication.scoring.pixel import NEIGHBOURS
from pytest_replication.verdicts import Verdict


def assert_no_replication(
    samples: object,
    threshold: float | None = None,
    *,
    max_rate: float | None = None,
    index: Index | str | os.PathLike[str] | None = None,
    confidence: float = 0.95,
    top_k: int = 5,
    engine: EngineChoice | None = None,
    allow_unproved: bool | None = None,
    accepted: Accepted | str | os.PathLike[str] | None = None,
    fdr: float | None = None,
    canaries: int | None = None,
    objects: ObjectsGiven = None,
    name: str = "",
) -> Verdict:
    """Fail when samples replicate training images.

    Inside a pytest test the index is that of the run (``--replication-index``); elsewhere give
    ``index=``. For the arguments see `pytest_replication.check.check_replication`.

    Returns:
        The verdict, when it is a pass.

    Raises:
        ReplicationDetected: samples replicate training images; the only failure.
        Inconclusive: `max_rate` claims a rate that so few samples can neither prove nor refute.
        ReplicationError: the samples, the index or the settings do not allow a verdict.

    Example:
        >>> def test_release(assert_no_replication, replication_samples):
        ...     assert_no_replication(replication_samples, threshold=0.5)
    """
    __tracebackhide__ = True
    asked = Asked(
        threshold,
        max_rate=max_rate,
        index=index,
        confidence=confidence,
        top_k=top_k,
        engine=engine,
        allow_unproved=allow_unproved,
        accepted=accepted,
        fdr=fdr,
        canaries=canaries,
        objects=objects,
        name=name,
    )
    return asserted(measure(samples, asked, asserted=True), render)


def assert_replication_rate_below(
    samples: object,
    rate: float,
    threshold: float | None = None,
    *,
    confidence: float = 0.95,
    per: str = "sample",
    index: Index | str | os.PathLike[str] | None = None,
    top_k: int = 5,
    engine: EngineChoice | None = None,
    allow_unproved: bool | None = None,
    accepted: Accepted | str | os.PathLike[str] | None = None,
    canaries: int | None = None,
    objects: ObjectsGiven = None,
    name: str = "",
) -> Verdict:
    """Fail unless samples prove that the model replicates at a lower rate.

    Passes when the upper bound of the rate is at most `rate`, fails when its lower bound is above it, and
    is inconclusive between the two. The bounds are those of Clopper and Pearson; where several samples
    share a prompt (`Samples.of(…, prompts=…)`) they are no narrower than those of a bootstrap over
    prompts.

    Args:
        samples: see `pytest_replication.check.check_replication`.
        rate: share that the model must stay below, in (0, 1).
        threshold: see there.
        confidence: of each bound, in [0.5, 1).
        per: what the rate counts: ``sample``, or ``prompt`` for prompts of which any sample is replicated.
        index: see there.
        top_k: see there.
        engine: see there.
        allow_unproved: see there.
        accepted: see there.
        canaries: see there.
        objects: see there.
        name: see there.

    Returns:
        The verdict, when it is a pass.

    Raises:
        ReplicationDetected: the rate is above the limit.
        Inconclusive: so few samples prove neither; `verdict.needed` says how many would.
        ReplicationError: the samples, the index or the settings do not allow a verdict.

    Example:
        >>> def test_release(assert_replication_rate_below, replication_samples):
        ...     assert_replication_rate_below(replication_samples, 0.01)
    """
    __tracebackhide__ = True
    asked = Asked(
        threshold,
        max_rate=rate,
        index=index,
        confidence=confidence,
        top_k=top_k,
        engine=engine,
        allow_unproved=allow_unproved,
        accepted=accepted,
        canaries=canaries,
        objects=objects,
        name=name,
        per=per,
        claimed=True,
    )
    return asserted(measure(samples, asked, asserted=True), render)


def assert_no_extraction(
    samples: object,
    rule: str = "ratio",
    limit: float | None = None,
    *,
    index: Index | str | os.PathLike[str] | None = None,
    neighbours: int = NEIGHBOURS,
    confidence: float = 0.95,
    name: str = "",
) -> ExtractionVerdict:
    """Fail when samples are training images pixel by pixel: exact and nearly exact copies of small images.

    The index has to store pixels (``build --pixels SIDE``). For the arguments see
    `pytest_replication.extraction.check_extraction`.

    Returns:
        The verdict, when it is a pass.

    Raises:
        ReplicationDetected: samples are extracted training images; the only failure.
        Inconclusive: of a sample it cannot be told.
        ReplicationError: the samples, the index or the settings do not allow a verdict.

    Example:
        >>> def test_release(replication_samples):
        ...     assert_no_extraction(replication_samples)
    """
    __tracebackhide__ = True
    verdict = measure_extraction(
        samples,
        rule,
        limit,
        index=index,
        neighbours=neighbours,
        confidence=confidence,
        name=name,
        asserted=True,
    )
    return asserted(verdict, render_extraction)
