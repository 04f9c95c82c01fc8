"""Which local features of a sample are those of a training image: nearest descriptions, if they stand out.

The nearest description of a training image counts where the second nearest is clearly farther (the ratio test
of Lowe, IJCV 2004). What repeats within the training image (bricks, letters, a checkerboard) has a second one
just as near, and matches nothing.

The mirror image of a sample costs next to nothing: a mirror exchanges the numbers of a description in pairs
(`images.local.mirrored`). Sums of such pairs stay, differences change sign, and so for a description s, its
mirror image m and another one t, 2 s.t = sums.sums + differences.differences, and 2 m.t is the same with a
minus. All numbers on the way are integers below 2**24, which float32 holds: distances are exact, and the same
on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.images.local import partners

RATIO = 0.85
"""Distance of the nearest as a share of that of the second nearest, up to which it counts.

It lets many false pairs through, on which geometry then does not agree.
"""
_BLOCK = 192
"""Features of a sample that are compared at once: their products stay in the cache of a core."""

Numbers = NDArray[np.float32]
Places = NDArray[np.int64]
Pairs = tuple[Places, Places]


@dataclass(frozen=True, slots=True)
class Described:
    """Descriptions, taken apart into what a mirror keeps and what it turns round.

    Attributes:
        sums: (n, 65) float32, integers: of the numbers that a mirror exchanges, and a last column of ones,
            for the product with the squared lengths of the others.
        differences: (n, 64) of the same numbers.
        squares: (n,) squared lengths of the descriptions.
    """

    sums: Numbers
    differences: Numbers
    squares: Numbers

    @classmethod
    def of(cls, descriptions: NDArray[np.uint8]) -> Described:
        """Take apart stored descriptions, (n, 128) uint8."""
        ones, others = partners(descriptions.astype(np.float32))
        sums = np.ones((len(ones), 65), np.float32)
        np.add(ones, others, out=sums[:, :64])
        squares = np.einsum("ij,ij->i", ones, ones) + np.einsum("ij,ij->i", others, others)
        return cls(sums, ones - others, squares)

    def __len__(self) -> int:
        return len(self.squares)


def match(sample: Described, training: Described, ratio: float = RATIO) -> tuple[Pairs, Pairs]:
    """Pair the features of a sample, and of its mirror image, with those of a training image.

    Args:
        sample: of n features.
        training: of m features.
        ratio: see `RATIO`.

    Returns:
        Pairs of the sample, and pairs of its mirror image: places of the paired features, (p,) each; in each
        a feature of the sample is in one pair at most. None with fewer than two features in the training
        image: nothing tells then whether a description stands out.
    """
    if not len(sample) or len(training) < 2:
        return _none(), _none()
    plain, mirror = _Nearest(len(sample)), _Nearest(len(sample))
    sums = training.sums.copy()
    sums[:, -1] = -training.squares
    room = np.empty((3, min(_BLOCK, len(sample)), len(training)), np.float32)
    for first in range(0, len(sample), _BLOCK):
        rows = slice(first, min(first + _BLOCK, len(sample)))
        kept, turned, near = room[:, : rows.stop - first]
        np.matmul(sample.sums[rows], sums.T, out=kept)
        np.matmul(sample.differences[rows], training.differences.T, out=turned)
        plain.take_in(rows, np.add(kept, turned, out=near))
        mirror.take_in(rows, np.subtract(kept, turned, out=near))
    return plain.standing_out(sample, ratio), mirror.standing_out(sample, ratio)


class _Nearest:
    """The nearest and the second nearest of each feature of a sample."""

    def __init__(self, count: int) -> None:
        self._place = np.empty(count, np.int64)
        self._first, self._second = np.empty(count, np.float32), np.empty(count, np.float32)

    def take_in(self, rows: slice, near: Numbers) -> None:
        """Take in 2 s.t - |t|^2 of these rows, which is the larger the nearer; it is written over."""
        one = np.arange(len(near))
        place = near.argmax(axis=1)
        self._place[rows], self._first[rows] = place, near[one, place]
        near[one, place] = -np.inf
        self._second[rows] = near.max(axis=1)

    def standing_out(self, sample: Described, ratio: float) -> Pairs:
        squares = sample.squares.astype(np.float64)
        kept = np.flatnonzero(squares - self._first < ratio**2 * (squares - self._second))
        return kept, self._place[kept]


def _none() -> Pairs:
    return np.empty(0, np.int64), np.empty(0, np.int64)
