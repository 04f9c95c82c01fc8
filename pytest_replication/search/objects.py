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
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders.base import threads
from pytest_replication.errors import IndexMismatch, SampleError
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.local import MOST_OF_A_SAMPLE
from pytest_replication.index.objects import check_detector, require_opencv
from pytest_replication.index.originals import original
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import Record
from pytest_replication.models.samples import Samples
from pytest_replication.scoring.agreement import Picture, picture_of
from pytest_replication.scoring.geometry import Alignment, LocalImage, align
from pytest_replication.search.match import Match, PartMatch, name_match
from pytest_replication.search.objects_found import ObjectsFound
from pytest_replication.search.parts import (
    grid_of,
    nearest_parts,
    paired,
    sample_views,
    training_views,
    with_parts,
)
from pytest_replication.search.votes import Votes, require_faiss

CANDIDATES = 10
"""Training images of each sample whose local features are looked at."""
VOTED = 0.8
"""Share of them that local features propose at most, where they can; vectors propose the others."""
_Kept = TypeVar("_Kept")
_TRIED = 16
"""Training images that are tried for whether any can be read again."""
_BATCH = 64
"""Samples whose local features are in memory at once: 400 kB each, with their pictures."""
_KNOWN = 1024
"""Training images whose local features and pictures are kept in memory: 340 kB each at most."""
_PREPARED = 128
"""Those used last, whose descriptions are kept as they are compared, too: 530 kB more each."""
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
        SettingsError: no candidates are wanted, or OpenCV or faiss is not installed.
        SampleError: a sample cannot be read, or vectors are not those of the samples.
        IndexMismatch: the local features of the index were found in another way, or by another embedder.
        IndexCorrupt: a shard is damaged.
        SearchError: not every row was searched.
    """
    from tqdm import tqdm

    started = time.perf_counter()
    require_objects_at_hand(index)
    parts = with_parts(index, samples, vectors)
    embedded = time.perf_counter()
    near = nearest_parts(index, parts, k)
    with _algebra_in_one_thread():  # so that the same lists are made whatever the machine
        votes = Votes.of(index)
    searched = time.perf_counter()
    training = _Training(index)
    looked: list[_Looked] = []
    with (
        _algebra_in_one_thread(),
        ThreadPoolExecutor(threads(), "objects", _search_in_one_thread) as pool,
        tqdm(
            total=len(samples), desc="comparing parts", unit="img", disable=None if progress else True
        ) as bar,
    ):
        stream = zip(range(len(vectors)), samples, strict=False)  # as many as were embedded
        while batch := list(itertools.islice(stream, _BATCH)):
            proposed = list(pool.map(lambda one: _propose(one[1], near.rows[one[0]], votes), batch))
            training.learn(sorted({row for _, rows in proposed for row in rows}))
            for found in pool.map(lambda one: _look(one[0], one[1], training), proposed):
                looked.append(found)
                bar.update()
    if len(looked) != len(vectors):
        raise SampleError(f"there are {len(looked)} samples and vectors of {len(vectors)}")
    return ObjectsFound(
        of=_named(index, parts, looked, training.source),
        unchecked=tuple(found.unchecked for found in looked),
        features=tuple(found.features for found in looked),
        candidates=sum(found.candidates for found in looked),
        searched=near.searched,
        grid=grid_of(index),
        stored=index.objects is not None,
        voting=votes.per_image if votes else 0,
        embedding_seconds=embedded - started,
        searching_seconds=searched - embedded,
        comparing_seconds=time.perf_counter() - searched,
    )


def require_objects_at_hand(index: Index) -> None:
    """Find out, before anything is searched, whether parts can be compared.

    Raises:
        SettingsError: OpenCV or faiss is not installed.
        IndexMismatch: the local features of the index were found in another way.
    """
    require_opencv()
    require_faiss()
    check_detector(index.manifest, index.path)


def require_features_at_hand(index: Index) -> None:
    """Find out, before anything is drawn, whether training images have local features to compare with.

    Raises:
        SettingsError: OpenCV or faiss is not installed.
        IndexMismatch: the local features of the index were found in another way; or it holds none, and none
            of the training images that are tried is where it names it.
    """
    require_objects_at_hand(index)
    if index.objects is not None:
        return
    rows = np.unique(np.linspace(0, index.rows - 1, min(_TRIED, index.rows)).astype(np.int64))
    records = index.records([int(row) for row in rows])
    if all(original(record) is None for record in records.values()):
        raise IndexMismatch(
            f"copies of parts are asked for, {index.path} holds no local features, and of {len(records)} "
            "training images that were tried none can be read again, such as "
            f"{next(iter(records.values())).uri}, which has to be a file in its place (images within arrays "
            "or archives cannot be read again): build it again with --objects"
        )


class _Training:
    """Local features of training images, from where there are some; the last ones used stay in memory.

    Args:
        index: an open index.
    """

    def __init__(self, index: Index) -> None:
        self._index, self.source = index, "index" if index.objects else "original"
        self._known: OrderedDict[int, LocalImage | None] = OrderedDict()
        self._prepared: OrderedDict[int, LocalImage] = OrderedDict()
        self._records: dict[int, Record] = {}
        self._lock = Lock()

    def learn(self, rows: Sequence[int]) -> None:
        """Read the records of the images that are asked for next: of many at once, which is quicker."""
        self._records = self._index.records(rows)

    def of(self, row: int) -> LocalImage | None:
        """Those of one image, ready to be compared; None where there are none to be had."""
        with self._lock:
            if row in self._prepared:
                self._prepared.move_to_end(row)
                return self._prepared[row]
        found = self._stored(row)
        if found is None:
            return None
        found = found.prepare()
        with self._lock:
            _keep(self._prepared, row, found, _PREPARED)
        return found

    def _stored(self, row: int) -> LocalImage | None:
        with self._lock:
            if row in self._known:
                self._known.move_to_end(row)
                return self._known[row]
        found = self._read(row)
        with self._lock:
            _keep(self._known, row, found, _KNOWN)
        return found

    def _read(self, row: int) -> LocalImage | None:
        record = self._records[row]
        if self._index.objects is None:
            image = original(record)
            return None if image is None else LocalImage.of(image)
        if record.width is None or record.height is None:
            return None
        features = self._index.features_of(np.array([row]))[0]
        return LocalImage(features, record.width, record.height, _picture(record))


def _picture(record: Record) -> Picture | None:
    """The small picture that an index keeps of a training image, else its file; None without either."""
    if record.thumbnail is not None:
        try:
            return picture_of(decode(record.thumbnail))
        except UndecodableImage:
            pass
    image = original(record)
    return None if image is None else picture_of(image)


def _keep(known: OrderedDict[int, _Kept], row: int, found: _Kept, most: int) -> None:
    """Keep what was used last, and as much of it as this."""
    known[row] = found
    while len(known) > most:
        known.popitem(last=False)


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


def _propose(
    image: Image.Image, near: NDArray[np.int64], votes: Votes | None
) -> tuple[LocalImage, list[int]]:
    """A sample, and the rows to look at: those with most votes, then those whose vectors are nearest."""
    mine = LocalImage.of(image, MOST_OF_A_SAMPLE)
    voted = votes.nearest(mine.features, math.floor(VOTED * len(near))) if votes else near[:0]
    rows = [row for row in dict.fromkeys([*voted.tolist(), *near.tolist()]) if row >= 0]
    return mine, rows[: len(near)]


def _algebra_in_one_thread() -> AbstractContextManager[object]:
    """Products in threads of their own make those of samples wait for each other, and spin meanwhile."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # slower, no more
        return nullcontext()
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def _search_in_one_thread() -> None:
    """Tell faiss, which counts its threads anew for each thread that asks it."""
    require_faiss().omp_set_num_threads(1)


def _look(mine: LocalImage, rows: Sequence[int], training: _Training) -> _Looked:
    """Align a sample with all its candidates."""
    mine, alike, unchecked = mine.prepare(), [], 0
    for row in rows:
        theirs = training.of(row)
        if theirs is None:
            unchecked += 1
        elif (found := align(mine, theirs)) is not None and found.points:
            alike.append((row, found))
    alike.sort(key=lambda one: (-one[1].points, -one[1].inliers))  # then by who was proposed first
    return _Looked(tuple(alike), len(rows), unchecked, len(mine.features))


def _named(
    index: Index, parts: NDArray[np.float32], looked: Sequence[_Looked], source: str
) -> tuple[tuple[Match, ...], ...]:
    """Matches of each sample, each with the pair of views that is most alike."""
    rows = [np.array([row for row, _ in found.alike], np.int64) for found in looked]
    pairs = paired(index, parts, rows)
    records = _records(index, sorted({int(row) for of in rows for row in of}))
    mine, theirs = sample_views(index), training_views(index)

    def match(sample: int, row: int, alignment: Alignment) -> Match:
        at = sample, int(np.flatnonzero(pairs.rows[sample] == row)[0])
        return name_match(
            index,
            records[row],
            sample=sample,
            row=row,
            score=float(pairs.scores[at]),
            views=(mine[pairs.sample_views[at]].name, theirs[pairs.views[at]].name),
            part=PartMatch(alignment, source),
        )

    return tuple(
        tuple(match(sample, row, alignment) for row, alignment in found.alike)
        for sample, found in enumerate(looked)
    )


def _records(index: Index, rows: Sequence[int]) -> dict[int, Record]:
    """Records without their pictures, which would take more than all else."""
    parts = (rows[first : first + _RECORDS] for first in range(0, len(rows), _RECORDS))
    return {
        row: replace(record, thumbnail=None) for part in parts for row, record in index.records(part).items()
    }
