"""Copies of a part: the candidates that vectors of parts lead to, looked at by local features and geometry.

Vectors only propose. What counts is how many distinct local features of a sample lie on those of a training
image as a part that was moved, scaled, turned or mirrored would (`scoring.geometry`). Local features of a
training image come from the index, else from its file where that is at hand; where neither is there, the pair
was not checked, and is counted as such.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pytest_replication.embedders.base import threads
from pytest_replication.images.local import MOST_OF_A_SAMPLE, extract
from pytest_replication.index.objects import check_detector, require_opencv
from pytest_replication.index.originals import original
from pytest_replication.index.reader import Index
from pytest_replication.index.shard import Record
from pytest_replication.models.samples import Samples
from pytest_replication.scoring.geometry import Alignment, LocalImage, align
from pytest_replication.search.matches import Match, Neighbours, ObjectsFound, PartMatch, name_match
from pytest_replication.search.parts import (
    grid_of,
    nearest_parts,
    sample_views,
    training_views,
    with_parts,
)

CANDIDATES = 10
"""Training images of each sample whose local features are looked at."""
_KNOWN = 1024
"""Training images whose local features are kept in memory: 140 kB each at most."""
_AHEAD = 2
"""Samples in memory for each thread."""
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
    parts = with_parts(index, samples, vectors)
    embedded = time.perf_counter()
    near = nearest_parts(index, parts, k)
    searched = time.perf_counter()
    training = _Training(index, near.rows)
    of: list[tuple[Match, ...]] = []
    unchecked, features = [], []
    with (
        _algebra_in_one_thread(),
        ThreadPoolExecutor(threads(), "objects") as pool,
        tqdm(
            total=len(samples), desc="comparing parts", unit="img", disable=None if progress else True
        ) as bar,
    ):
        for found in _in_turn(pool, enumerate(samples), near, training):
            of.append(tuple(_named(index, near, one) for one in found.alike))
            unchecked.append(found.unchecked)
            features.append(found.features)
            bar.update()
    return ObjectsFound(
        of=tuple(of),
        unchecked=tuple(unchecked),
        features=tuple(features),
        candidates=int((near.rows >= 0).sum()),
        searched=near.searched,
        grid=grid_of(index),
        stored=index.objects is not None,
        embedding_seconds=embedded - started,
        searching_seconds=searched - embedded,
        comparing_seconds=time.perf_counter() - searched,
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
        rows: of all candidates, -1 for none.
    """

    def __init__(self, index: Index, rows: NDArray[np.int64]) -> None:
        self._index, self.source = index, "index" if index.objects else "original"
        self.records = _records(index, [int(row) for row in np.unique(rows) if row >= 0])
        self._known: OrderedDict[int, LocalImage | None] = OrderedDict()
        self._lock = Lock()

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
        record = self.records[row]
        if self._index.objects is not None:
            if record.width is None or record.height is None:
                return None
            return LocalImage(self._index.features_of(np.array([row]))[0], record.width, record.height)
        image = original(record)
        return None if image is None else LocalImage(extract(image), *image.size)


@dataclass(frozen=True, slots=True)
class _Alike:
    """A candidate of which a part lies on a part of the sample.

    Attributes:
        sample: number of the sample.
        place: of the candidate among those of the sample.
        alignment: of the two.
        record: of the candidate.
        source: of its local features.
    """

    sample: int
    place: int
    alignment: Alignment
    record: Record
    source: str


@dataclass(frozen=True, slots=True)
class _Looked:
    """What became of the candidates of a sample: those alike, those without features, its own features."""

    alike: list[_Alike]
    unchecked: int
    features: int


def _in_turn(
    pool: ThreadPoolExecutor,
    samples: Iterable[tuple[int, Image.Image]],
    near: Neighbours,
    training: _Training,
) -> Iterator[_Looked]:
    """Look at all samples, a few of which are in memory: while some are looked at the next are read."""
    waiting: deque[Future[_Looked]] = deque()
    for sample, image in samples:
        waiting.append(pool.submit(_look, sample, image, near, training))
        if len(waiting) > _AHEAD * threads():
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _algebra_in_one_thread() -> AbstractContextManager[object]:
    """Products in threads of their own make those of samples wait for each other, and spin meanwhile."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # slower, no more
        return nullcontext()
    limits: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limits


def _look(sample: int, image: Image.Image, near: Neighbours, training: _Training) -> _Looked:
    """Align a sample with all its candidates."""
    mine = LocalImage(extract(image, MOST_OF_A_SAMPLE), *image.size).prepare()
    alike, unchecked = [], 0
    for place, row in enumerate(near.rows[sample].tolist()):
        if row < 0:
            continue
        theirs = training.of(row)
        if theirs is None:
            unchecked += 1
        elif (found := align(mine, theirs)) is not None:
            alike.append(_Alike(sample, place, found, training.records[row], training.source))
    # Of equal ones that which vectors placed first.
    alike.sort(key=lambda one: (-one.alignment.inliers, one.place))
    return _Looked(alike, unchecked, len(mine.features))


def _named(index: Index, near: Neighbours, one: _Alike) -> Match:
    at = one.sample, one.place
    return name_match(
        index,
        one.record,
        sample=one.sample,
        row=int(near.rows[at]),
        score=float(near.scores[at]),
        views=(
            sample_views(index)[near.sample_views[at]].name,
            training_views(index)[near.views[at]].name,
        ),
        part=PartMatch(one.alignment, one.source),
    )


def _records(index: Index, rows: Sequence[int]) -> dict[int, Record]:
    """Records without their pictures, which would take more than all else."""
    parts = (rows[first : first + _RECORDS] for first in range(0, len(rows), _RECORDS))
    return {
        row: replace(record, thumbnail=None) for part in parts for row, record in index.records(part).items()
    }
