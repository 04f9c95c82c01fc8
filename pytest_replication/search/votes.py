"""Training images proposed by local features: each feature of a sample votes for images that have one alike.

Descriptions of all training images lie in inverted lists around the centres of a clustering (Sivic and
Zisserman, ICCV 2003, as faiss keeps them). The nearest of a feature vote for the images that they are of, the
more the nearer they are than the last of them. Votes of one image count together where they agree on how far
the sample was turned and scaled (weak geometric consistency: Jegou, Douze and Schmid, ECCV 2008), and on
whether it is mirrored. Votes only propose: geometry looks at every pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SettingsError
from pytest_replication.images.local import FEATURE, Features, mirrored
from pytest_replication.index.checksums import check_file
from pytest_replication.index.manifest import FEATURES
from pytest_replication.index.mapped_shard import Shard
from pytest_replication.index.reader import Index

BUDGET = 2 << 30
"""Bytes that they may take in memory, twice that while they are laid out: beyond it an image gives fewer, the
strongest of each cell."""
_BYTES = 160
"""What one takes: its description, its number in the lists, its row, angle and size."""
_TAKEN = np.dtype([(name, FEATURE[name]) for name in ("size", "angle", "description")])
FEWEST = 64
"""Features an image below which votes are of no use: a larger index is searched by vectors alone."""
ASKED = 1024
"""Features of a sample that vote, the strongest of each cell."""
_NEAREST, _PROBED = 8, 4
"""Nearest of each that get its votes; lists in which they are looked for."""
_FLAT, _NEAREST_OF_FLAT = 1.03, 128
"""Factor between the distances of the last and the first of them up to which they are all as near; how many
are looked at then."""
_LISTS, _LIST, _TRAINED = 4096, 200, 40
"""Inverted lists at most; descriptions in one, at the least; of each, how many the clustering sees."""
_TURNS, _SCALES = 12, 11
"""Classes of turns (30 degrees each) and scales (factors of two)."""
_SEED = 0

Rows = NDArray[np.int64]

_made: WeakKeyDictionary[Index, Votes] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """The local features of all training images, ready to be asked.

    Attributes:
        lists: faiss index of the descriptions; None without any.
        rows: (n,) row of the training image of each.
        angles: (n,) in degrees.
        sizes: (n,) logarithm to base two.
        per_image: features of an image that were taken at most.
    """

    lists: Any
    rows: Rows
    angles: NDArray[np.float32]
    sizes: NDArray[np.float32]
    per_image: int

    @classmethod
    def of(cls, index: Index, budget: int = BUDGET) -> Votes | None:
        """The features of an index, laid out once as long as it is open.

        None where it has none, or so many images that none fit.

        Args:
            index: an open index.
            budget: bytes, see `BUDGET`.

        Raises:
            IndexCorrupt: a file of features is damaged.
            SettingsError: faiss is not installed.
        """
        if not (per_image := features_that_vote(index, budget)):
            return None
        if (made := _made.get(index)) is None or made.per_image != per_image:
            rows, taken = _taken(index, per_image)
            angles, sizes = taken["angle"].astype(np.float32), _log(taken["size"])
            made = _made[index] = cls(_lists(taken["description"]), rows, angles, sizes, per_image)
        return made

    def nearest(self, features: Features, k: int) -> Rows:
        """Training images for which most of the features vote.

        Args:
            features: (m,) of a sample.
            k: images at most.

        Returns:
            (up to k,) rows, most votes first; of equal ones the lower row.
        """
        if self.lists is None or not len(features):
            return np.empty(0, np.int64)
        features = features[:ASKED]
        asked = np.concatenate([features, mirrored(features)])
        of, places, weights = self._weighed(asked["description"].astype(np.float32))
        flipped = of >= len(features)
        turns = (self.angles[places] - asked["angle"][of].astype(np.float32)) % 360 / (360 / _TURNS)
        scales = np.clip(self.sizes[places] - _log(asked["size"][of]) + _SCALES // 2, 0, _SCALES - 1)
        return _best(self.rows[places], flipped, turns, scales, weights, k)

    def _weighed(self, described: NDArray[np.float32]) -> tuple[Rows, Rows, NDArray[np.float32]]:
        """All votes: which description gives it, for which stored one, and what it weighs."""
        squared, places = self.lists.search(described, _NEAREST)
        # Of many duplicates of one training image all are as near: what else is there tells how near that is.
        flat = np.flatnonzero(squared[:, -1] <= _FLAT**2 * squared[:, 0])
        weights = _weights(squared, places)
        weights[flat] = 0
        of, column = np.nonzero(weights)
        votes = [(of, places[of, column], weights[of, column])]
        if len(flat):
            usual = float(np.sqrt(np.median(squared[:, -1])))
            squared, places = self.lists.search(described[flat], _NEAREST_OF_FLAT)
            weights = _weights(squared, places, usual)
            of, column = np.nonzero(weights)
            votes.append((flat[of], places[of, column], weights[of, column]))
        one, other, third = (np.concatenate(parts) for parts in zip(*votes, strict=True))
        return one, other, third


def require_faiss() -> Any:
    """The library that keeps the inverted lists.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise SettingsError(
            "copies of parts are searched with faiss, which is not installed: "
            "pip install 'pytest-replication[objects]'"
        ) from error
    return faiss


def features_that_vote(index: Index, budget: int = BUDGET) -> int:
    """How many of each training image propose it; 0 where vectors alone do.

    Args:
        index: an open index.
        budget: bytes, see `BUDGET`.
    """
    if index.objects is None:
        return 0
    per_image = min(index.objects.features, budget // _BYTES // max(1, index.rows))
    return per_image if per_image >= FEWEST else 0


def _taken(index: Index, per_image: int) -> tuple[Rows, NDArray[np.void]]:
    """The strongest features of every image that was not removed, and their rows."""
    kept = [_kept(index, shard, per_image) for shard in index.shards]
    rows = np.empty(sum(len(places) for places, _ in kept), np.int64)
    taken = np.empty(len(rows), _TAKEN)
    end = 0
    for shard, (places, numbers) in zip(index.shards, kept, strict=True):
        here, end = slice(end, end + len(places)), end + len(places)
        stored, rows[here] = shard.features()[0], numbers
        for name in _TAKEN.names or ():
            taken[name][here] = stored[name][places]
    return rows, taken


def _kept(index: Index, shard: Shard, per_image: int) -> tuple[Rows, Rows]:
    """Places of these features in the file of a shard, and rows of the index that they are of."""
    check_file(shard.features_path, shard.checksum_of(FEATURES))
    numbers = np.ascontiguousarray(shard.features()[0]["row"]).astype(np.int64)
    turn = np.arange(len(numbers)) - np.searchsorted(numbers, numbers)
    places = np.flatnonzero((turn < per_image) & ~np.isin(numbers + shard.first, index.removed))
    return places, numbers[places] + shard.first


def _lists(described: NDArray[np.uint8]) -> Any:
    """Descriptions in inverted lists, a byte a number."""
    if not len(described):
        return None
    library = require_faiss()
    dim, count = described.shape[1], len(described)
    lists = max(1, min(_LISTS, count // _LIST))
    found = library.IndexIVFScalarQuantizer(
        library.IndexFlatL2(dim),
        dim,
        lists,
        library.ScalarQuantizer.QT_8bit_direct,
        library.METRIC_L2,
        False,  # descriptions as they are: what is left of them beside a centre can be negative
    )
    found.cp.niter, found.cp.seed, found.cp.min_points_per_centroid = 8, _SEED, 1
    drawn = np.random.default_rng(_SEED).permutation(count)[: lists * _TRAINED]
    found.train(described[np.sort(drawn)].astype(np.float32))
    for first in range(0, count, 1 << 18):
        found.add(described[first : first + (1 << 18)].astype(np.float32))
    found.nprobe = _PROBED
    return found


def _weights(squared: NDArray[np.float32], places: Rows, far: float = 0) -> NDArray[np.float32]:
    """What each vote weighs, 0 to 1: the more the nearer it is than the last one, or than what is far."""
    there = places >= 0
    distance = np.sqrt(np.where(there, np.maximum(squared, 0), 0))
    last = np.maximum(distance.max(axis=1, keepdims=True), max(far, 1e-6))
    weights: NDArray[np.float32] = np.where(there, 1 - distance / last, 0).astype(np.float32) ** 2
    return weights


def _best(
    rows: Rows,
    flipped: NDArray[np.bool_],
    turns: NDArray[np.float32],
    scales: NDArray[np.float32],
    weights: NDArray[np.float32],
    k: int,
) -> Rows:
    """Rows with most votes that agree: each vote goes to two classes of turn and two of scale."""
    turn, scale = np.floor(turns).astype(np.int64), np.floor(scales).astype(np.int64)
    classes = [
        ((rows * 2 + flipped) * _TURNS + (turn + right) % _TURNS) * (_SCALES + 1) + scale + up
        for right in (0, 1)
        for up in (0, 1)
    ]
    named, where = np.unique(np.concatenate(classes), return_inverse=True)
    votes = np.bincount(where, np.tile(weights, len(classes)))
    images = named // (2 * _TURNS * (_SCALES + 1))
    firsts = np.flatnonzero(np.diff(images, prepend=-1))
    if not len(firsts):
        return np.empty(0, np.int64)
    top = np.maximum.reduceat(votes, firsts)
    found = images[firsts]
    return found[np.lexsort((found, -top))[:k]]


def _log(sizes: NDArray[Any]) -> NDArray[np.float32]:
    logarithm: NDArray[np.float32] = np.log2(sizes.astype(np.float32) + np.float32(1e-6))
    return logarithm
