"""Copies of a part: the candidates that features and vectors lead to, looked at by geometry.

Local features vote for training images (`search.votes`), vectors of wholes and parts name the nearest
(`search.parts`); both only propose. What counts is how many distinct local features of a sample lie on those
of a training image as a part that was moved, scaled, turned or mirrored would (`scoring.geometry`). Local
features of a training image come from the index, else from its file where that is at hand; where neither is
there, the pair was not checked, and is counted as such.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders.base import threads
from pytest_replication.images.local import MOST_OF_A_SAMPLE, Features, extract
from pytest_replication.index.objects import check_detector, require_opencv
from pytest_replication.index.originals import original
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import Record
from pytest_replication.models.samples import Samples
from pytest_replication.scoring.geometry import Alignment, LocalImage, align
from pytest_replication.search.matches import Neighbours
from pytest_replication.search.object_matches import ObjectMatch, ObjectsFound
from pytest_replication.search.parts import (
    grid_of,
    nearest_parts,
    paired,
    sample_views,
    training_views,
    with_parts,
)
from pytest_replication.search.votes import Votes

CANDIDATES = 10
"""Training images of each sample whose local features are looked at."""
VOTED = 0.6
"""Share of them that local features propose at most, where they can; vectors propose the others."""
_KNOWN = 1024
"""Training images whose local features are kept in memory: 140 kB each at most."""
_BATCH = 64
"""Samples whose local features are in memory at once: 210 kB each."""
_RECORDS = 4096
"""Records that are read at once: with their pictures, of which none are kept."""


def find_objects(
    index: Index,
    samples: Samples,
    vectors: NDArray[np.float32],
    k: int = CANDIDATES,
    *,
    progress: bool = True,
) -> ObjectsFound:
    """Look for a part of each sample that is a copy of a part of a training image.

    Args:
        index: an open index, best one that was built with ``--objects``.
        samples: the samples; read twice.
        vectors: (n, views, dim) of them, as `search.embed.embed_samples` makes them.
        k: training images of each sample that are looked at.
        progress: show a progress bar when standard error is a terminal.

    Raises:
        SettingsError: no candidates are wanted, or OpenCV is not installed.
        SampleError: a sample cannot be read, or vectors are not those of the samples.
        IndexMismatch: the local features of the index were found in another way, or by another embedder.
        IndexCorrupt: a shard is damaged.
        SearchError: not every row was searched.
    """
    from tqdm import tqdm

    started = time.perf_counter()
    require_objects_at_hand(index)
    views = with_parts(index, samples, vectors)
    near = nearest_parts(index, views, k)
    votes = Votes.of(index)
    training = _Training(index)
    looked: list[_Looked] = []
    with (
        ThreadPoolExecutor(threads(), "objects") as pool,
        tqdm(
            total=len(samples), desc="comparing parts", unit="img", disable=None if progress else True
        ) as bar,
    ):
        stream = enumerate(samples)
        while batch := list(itertools.islice(stream, _BATCH)):
            mine = list(pool.map(_local, (image for _, image in batch)))
            wanted = [
                _candidates(one.features, near.rows[number], votes)
                for (number, _), one in zip(batch, mine, strict=True)
            ]
            training.learn(sorted({row for rows in wanted for row in rows}))
            for found in pool.map(lambda one, rows: _look(one, rows, training), mine, wanted):
                looked.append(found)
                bar.update()
    return ObjectsFound(
        of=_named(index, views, looked, training.source),
        unchecked=tuple(found.unchecked for found in looked),
        features=tuple(found.features for found in looked),
        candidates=sum(found.candidates for found in looked),
        searched=near.searched,
        grid=grid_of(index),
        stored=index.objects is not None,
        voting=votes.per_image if votes else 0,
        seconds=time.perf_counter() - started,
    )


def require_objects_at_hand(index: Index) -> None:
    """Find out, before anything is searched, whether parts can be compared.

    Raises:
        SettingsError: OpenCV is not installed.
        IndexMismatch: the local features of the index were found in another way.
    """
    require_opencv()
    check_detector(index.manifest, index.path)


class _Training:
    """Local features of training images, from where there are some; the last ones used stay in memory.

    Args:
        index: an open index.
    """

    def __init__(self, index: Index) -> None:
        self._index, self.source = index, "index" if index.objects else "original"
        self._known: OrderedDict[int, LocalImage | None] = OrderedDict()
        self._records: dict[int, Record] = {}
        self._lock = Lock()

    def learn(self, rows: Sequence[int]) -> None:
        """Read the records of the images that are asked for next: of many at once, which is quicker."""
        self._records = self._index.records([row for row in rows if row not in self._known])

    def of(self, row: int) -> LocalImage | None:
        """Those of one image; None where there are none to be had."""
        with self._lock:
            if row in self._known:
                self._known.move_to_end(row)
                return self._known[row]
        found = self._read(row)
        with self._lock:
            self._known[row] = found
            while len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return found

    def _read(self, row: int) -> LocalImage | None:
        record = self._records[row]
        if self._index.objects is not None:
            if record.width is None or record.height is None:
                return None
            return LocalImage(self._index.features_of(np.array([row]))[0], record.width, record.height)
        image = original(record)
        return None if image is None else LocalImage(extract(image), *image.size)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What became of the candidates of a sample.

    Attributes:
        alike: row and alignment of those of which a part lies on a part of the sample, most points first.
        candidates: how many were looked at.
        unchecked: how many of them have no local features.
        features: those of the sample.
    """

    alike: tuple[tuple[int, Alignment], ...]
    candidates: int
    unchecked: int
    features: int


def _local(image: Image.Image) -> LocalImage:
    return LocalImage(extract(image, MOST_OF_A_SAMPLE), *image.size)


def _candidates(features: Features, near: NDArray[np.int64], votes: Votes | None) -> list[int]:
    """Rows to look at, as many as are near: those with most votes, then those whose vectors are nearest."""
    voted = votes.nearest(features, math.ceil(VOTED * len(near))) if votes else near[:0]
    return [row for row in dict.fromkeys([*voted.tolist(), *near.tolist()]) if row >= 0][: len(near)]


def _look(mine: LocalImage, rows: Sequence[int], training: _Training) -> _Looked:
    """Align a sample with all its candidates."""
    alike, unchecked = [], 0
    for row in rows:
        theirs = training.of(row)
        if theirs is None:
            unchecked += 1
        elif (found := align(mine, theirs)) is not None:
            alike.append((row, found))
    alike.sort(key=lambda one: -one[1].inliers)  # of equal ones that which was proposed first
    return _Looked(tuple(alike), len(rows), unchecked, len(mine.features))


def _named(
    index: Index, views: NDArray[np.float32], looked: Sequence[_Looked], source: str
) -> tuple[tuple[ObjectMatch, ...], ...]:
    """Matches of each sample: with the pair of views that is most alike, the first with its whole record."""
    rows = [np.array([row for row, _ in found.alike], np.int64) for found in looked]
    pairs = paired(index, views, rows)
    first = index.records([int(of[0]) for of in rows if len(of)])
    bare = _records(index, sorted({int(row) for of in rows for row in of}))
    return tuple(
        tuple(
            _match(index, pairs, sample, row, alignment, bare[row] if place else first[row], source)
            for place, (row, alignment) in enumerate(found.alike)
        )
        for sample, found in enumerate(looked)
    )


def _match(
    index: Index,
    pairs: Neighbours,
    sample: int,
    row: int,
    alignment: Alignment,
    record: Record,
    source: str,
) -> ObjectMatch:
    at = sample, int(np.flatnonzero(pairs.rows[sample] == row)[0])
    return ObjectMatch(
        sample=sample,
        row=row,
        record=record,
        alignment=alignment,
        source=source,
        score=float(pairs.scores[at]),
        view=training_views(index)[pairs.views[at]].name,
        sample_view=sample_views(index)[pairs.sample_views[at]].name,
        leader=index.duplicates.leader_of(row) if index.duplicates else None,
    )


def _records(index: Index, rows: Sequence[int]) -> dict[int, Record]:
    """Records without their pictures, which would take more than all else."""
    parts = (rows[first : first + _RECORDS] for first in range(0, len(rows), _RECORDS))
    return {
        row: replace(record, thumbnail=None) for part in parts for row, record in index.records(part).items()
    }
