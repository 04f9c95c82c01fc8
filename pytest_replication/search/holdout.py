"""How high the images of a hold-out score against an index: the null that a calibration rests on.

Images are decoded and embedded as training images are, a batch at a time, and each batch is searched by
the exact scan before the next is read, so that memory does not grow with the hold-out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import CalibrationError, TooManyRejected
from pytest_replication.escape import one_line
from pytest_replication.images.sources import Listing, Source
from pytest_replication.index.calibration import NAMED
from pytest_replication.index.ingest import Limit, allow
from pytest_replication.index.journal import Batch, Journal
from pytest_replication.index.pipeline import Embedded, Pipeline, PipelineOptions, Stopwatch
from pytest_replication.index.reader import Index
from pytest_replication.search.exact import search

BATCH = 1024
"""Images that are searched at once, and lost when a calibration is killed."""
CLOSEST = 5
"""The closest of those that are no copies, so many of each batch, keep their names."""
_SHOWN = 20


@dataclass(slots=True)
class Measured:
    """Scores of images that may be copies, or the same more than once.

    Attributes:
        scores: (n,) float64, the highest of each image.
        rows: (n,) int64, the training image that it is with.
        nearest: some copies and the closest others, highest first: uri, row and score.
        listed: images that were looked at.
        unreadable: of them, those that could not be read.
        repeated: of them, those whose file was there before; not among the scores.
        keys: (n,) uint64, the first 16 hex digits of the sha256 of each file; none of training images.
    """

    scores: NDArray[np.float64]
    rows: NDArray[np.int64]
    nearest: list[tuple[str, int, float]] = field(default_factory=list)
    listed: int = 0
    unreadable: int = 0
    repeated: int = 0
    keys: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))


def measure_holdout(
    index: Index,
    holdout: Source,
    copies_from: float,
    *,
    max_rejected: Limit = 0,
    restart: bool = False,
    progress: bool = True,
) -> tuple[Measured, Journal]:
    """Search the nearest training image of each image of a hold-out.

    Args:
        index: an open index.
        holdout: the images.
        copies_from: score from which on an image is a copy of a training image; only for their names.
        max_rejected: unreadable images that may be left out, a number or a share.
        restart: forget what an interrupted run has measured.
        progress: show a progress bar when standard error is a terminal.

    Returns:
        The scores, and the journal, which is to be dropped when they are stored.

    Raises:
        CalibrationError: the hold-out has changed since an interrupted run, or nothing can be kept.
        TooManyRejected: more images are unreadable than may be.
        ReplicationError: as a check, when the embedder or the index cannot be used.
    """
    from tqdm import tqdm

    journal = Journal(index.path, f"{index.manifest.generation}\0{holdout.name}")
    journal.drop() if restart else journal.read()
    options = PipelineOptions(index.manifest.views)
    refs = iter(holdout)
    done = len(journal.batches)
    with (
        tqdm(total=len(holdout), unit="img", disable=None if progress else True) as bar,
        Pipeline(index.embedder, options, Stopwatch()) as pipeline,
    ):
        for number in itertools.count():
            listing = Listing()
            part = listing.watch(itertools.islice(refs, BATCH))
            if number < done:
                for _ in part:
                    bar.update()
                _compare(listing, journal.batches[number], holdout)
            elif (head := next(part, None)) is not None:
                found = pipeline.embed(itertools.chain([head], part), bar.update)
                journal.add(_search(index, found, listing, copies_from))
            if listing.count < BATCH:
                break
    _check_rejected(journal.batches, holdout, max_rejected)
    return _merge(journal.batches), journal


def _search(index: Index, found: Embedded, listing: Listing, copies_from: float) -> Batch:
    """Search the images of a batch."""
    rejected = [(row.uri, row.reason) for row in found.rejected[:_SHOWN]]
    batch = Batch(listing.digest, listing.count, len(found.rejected), rejected, [], [], [])
    if found.records:
        nearest = search(index, found.embeddings, 1)
        batch.scores, batch.rows = nearest.scores[:, 0].tolist(), nearest.rows[:, 0].tolist()
        batch.keys = [str(record.sha256)[:16] for record in found.records]
        order = np.argsort(-nearest.scores[:, 0], kind="stable").tolist()
        copies = [i for i in order if batch.scores[i] >= copies_from]
        shown = copies[:NAMED] + order[len(copies) :][:CLOSEST]
        batch.nearest = [(found.records[i].uri, batch.rows[i], batch.scores[i]) for i in shown]
    return batch


def _compare(listing: Listing, done: Batch, holdout: Source) -> None:
    if listing.digest != done.listing:
        raise CalibrationError(
            f"{holdout.name} has changed since its calibration was interrupted (from "
            f"{listing.first or 'its end'} "
            "on): give --restart, which measures all of it again"
        )


def _check_rejected(batches: list[Batch], holdout: Source, limit: Limit) -> None:
    listed, unreadable = sum(b.listed for b in batches), sum(b.unreadable for b in batches)
    if unreadable > allow(limit, listed):
        told = (one_line(f"{uri}: {reason}") for batch in batches for uri, reason in batch.rejected)
        first = [f"\n  {line}" for line in itertools.islice(told, _SHOWN)]
        raise TooManyRejected(
            f"{unreadable} of {listed} images of {holdout.name} cannot be read, and {allow(limit, listed)} "
            f"may be left out: accept that with --max-rejected {unreadable}, or mend or remove "
            f"them{''.join(first)}"
        )


def _merge(batches: list[Batch]) -> Measured:
    """All batches as one; a file that is there more than once counts once."""
    keys = np.array([int(key, 16) for batch in batches for key in batch.keys], np.uint64)
    scores = np.array([score for batch in batches for score in batch.scores], np.float64)
    rows = np.array([row for batch in batches for row in batch.rows], np.int64)
    first = np.sort(np.unique(keys, return_index=True)[1])
    nearest = sorted((found for batch in batches for found in batch.nearest), key=lambda found: -found[2])
    return Measured(
        scores[first],
        rows[first],
        nearest,
        sum(batch.listed for batch in batches),
        sum(batch.unreadable for batch in batches),
        len(keys) - len(first),
        keys[first],
    )
