"""Assertions: a check whose verdict fails the test."""

from __future__ import annotations

import os

from pytest_replication.check import measure
from pytest_replication.errors import Inconclusive, ReplicationDetected
from pytest_replication.index.reader import Index
from pytest_replication.reports.text import render
from pytest_replication.surroundings import EngineChoice
from pytest_replication.verdicts import Outcome, Verdict


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
    fdr: float | None = None,
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
    verdict = measure(
        samples,
        threshold,
        max_rate=max_rate,
        index=index,
        confidence=confidence,
        top_k=top_k,
        engine=engine,
        allow_unproved=allow_unproved,
        fdr=fdr,
        name=name,
        asserted=True,
    )
    if verdict.outcome is Outcome.PASS:
        return verdict
    if verdict.outcome is Outcome.FAIL:
        raise ReplicationDetected(render(verdict), verdict)
    raise Inconclusive(render(verdict), verdict)
