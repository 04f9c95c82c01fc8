"""From samples and an index that stores pixels to a verdict about extraction; no embedder is needed."""

from __future__ import annotations

import os

from pytest_replication.asked import breakage_told, index_for
from pytest_replication.errors import SettingsError
from pytest_replication.extraction_verdicts import ExtractionPolicy, ExtractionVerdict, judge_extraction
from pytest_replication.index.reader import Index
from pytest_replication.models.samples import Samples
from pytest_replication.reports.extraction import extraction_row, render_extraction
from pytest_replication.scoring.pixel import NEIGHBOURS
from pytest_replication.search.extraction import match_pixels
from pytest_replication.surroundings import current


def check_extraction(
    samples: object,
    rule: str = "ratio",
    limit: float | None = None,
    *,
    index: Index | str | os.PathLike[str] | None = None,
    neighbours: int = NEIGHBOURS,
    confidence: float = 0.95,
    name: str = "",
) -> ExtractionVerdict:
    """Measure how near the pixels of samples come to those of training images, and judge. Asserts nothing.

    Every training image is compared, pixel by pixel, at the size that the index stores (``build --pixels``).
    That finds exact and nearly exact copies of small images; crops, mirrors and edits it does not find.

    Args:
        samples: as for `check_replication`. They are resized where they have another size.
        rule: what decides. ``ratio``: distance to the nearest training image over that to the second
            nearest (Yoon et al.). ``relative``: over half the mean distance to the 50 nearest (Carlini et
            al.). ``tiled``: largest distance of 16 tiles. ``rmse``: distance as it is.
        limit: an image is extracted whose distance is at most this, below it for ``ratio``; None for the
            documented one: 1/3, 1.0, 0.15 and 0.05.
        index: an open index or its folder; None for that of the pytest run.
        neighbours: training images of the mean in ``relative``.
        confidence: of the bounds of the rate.
        name: what reports call this check.

    Returns:
        The verdict, with every match.

    Raises:
        ReplicationError: the samples, the index or the settings do not allow a verdict.
    """
    return measure_extraction(
        samples,
        rule,
        limit,
        index=index,
        neighbours=neighbours,
        confidence=confidence,
        name=name,
        asserted=False,
    )


def measure_extraction(
    samples: object,
    rule: str,
    limit: float | None,
    *,
    index: Index | str | os.PathLike[str] | None,
    neighbours: int,
    confidence: float,
    name: str,
    asserted: bool,
    source: str = "call",
) -> ExtractionVerdict:
    """Do what `check_extraction` says, and tell the run whether the verdict fails the test."""
    run = current()
    if run is not None:
        run.begin()
    with breakage_told(run):
        if not (limit is None or (isinstance(limit, (int, float)) and not isinstance(limit, bool))):
            raise SettingsError(f"limit is {limit!r}; expected a number")
        policy = ExtractionPolicy.of(rule, limit, source, confidence=confidence)
        opened = index_for(index, run)
        if policy.rule != "relative":  # the only one that the mean matters to
            neighbours = min(neighbours, opened.rows)
        taken = Samples.of(samples)
        matches = match_pixels(opened, taken, neighbours, name=name)
        verdict = judge_extraction(matches, policy)
    if run is not None:
        run.note(extraction_row(verdict), asserted, lambda: render_extraction(verdict))
        run.picture_pixels(verdict, taken, opened)
    return verdict
