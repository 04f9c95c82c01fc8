"""Which local features of a sample are those of a training image: nearest descriptions, if they stand out.

The nearest description of a training image stands out where the second nearest is clearly farther (the
ratio test of Lowe, IJCV 2004). What repeats within the training image (bricks, letters, a checkerboard) has a
second one just as near. Pairs that stand out say how a part lies; those that stand out less may only agree
with them (`scoring.guided`).

The mirror image of a sample costs next to nothing: a mirror exchanges the numbers of a description in pairs
(`images.local.mirrored`). Sums of such pairs stay, differences change sign, and so for a description s, its
mirror image m and another one t, 2 s.t = sums.sums + differences.differences, and 2 m.t is the same with a
minus. All numbers on the way are integers below 2**24, which float32 holds: distances are exact, and the same
on every machine.

Dark spots are not compared with bright ones. How much brightness rises away from a point is a weighted sum of
its description, which a mirror does not change; both images are sorted by it, and a block of the sample is
compared with those training features alone that are near by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_replication.images.local import partners

RATIO = 0.85
"""Distance of the nearest as a share of that of the second nearest, up to which it stands out.

It lets many false pairs through, on which geometry then does not agree.
"""
GUIDED_RATIO = 0.95
"""The same, up to which a pair may agree with those that stand out."""
NEAR = 2900.0
"""Difference of `Described.rises` up to which descriptions are compared: 0.6 of its standard deviation over
the features of photographs. Of pairs that geometry agreed on without it, 98 % lie within."""
_FEWEST = 64
"""Training features that are compared with in any case: the second nearest has to be among them."""
_BLOCK = 128
"""Features of a sample that are compared at once: their products stay in the cache of a core."""

Numbers = NDArray[np.float32]
Places = NDArray[np.int64]


def _outward() -> Numbers:
    """Weights of `Described.rises`, (128,) integers.

    How far each direction in each cell points away from the middle; middle cells count most.
    """
    down, across, turn = np.meshgrid(np.arange(4) - 1.5, np.arange(4) - 1.5, np.arange(8), indexing="ij")
    weights = np.exp(-(down**2 + across**2) / (2 * 0.7**2))
    weights *= np.cos(turn * np.pi / 4 + np.arctan2(down, across))
    whole: Numbers = np.rint(32 * weights / weights.max()).astype(np.float32)
    return whole.reshape(128)


_OUTWARD = _outward()


@dataclass(frozen=True, slots=True)
class Described:
    """Descriptions, sorted by `rises`, taken apart into what a mirror keeps and what it turns round.

    Attributes:
        places: (n,) where each one was before.
        rises: (n,) float32, integers, ascending: how much brightness rises away from the point.
        sums: (n, 65) float32, integers: of the numbers that a mirror exchanges, and a last column of ones,
            for the product with the squared lengths of the others.
        differences: (n, 64) of the same numbers.
        squares: (n,) squared lengths of the descriptions.
    """

    places: Places
    rises: Numbers
    sums: Numbers
    differences: Numbers
    squares: Numbers

    @classmethod
    def of(cls, descriptions: NDArray[np.uint8]) -> Described:
        """Take apart stored descriptions, (n, 128) uint8."""
        rises = np.asarray(descriptions.astype(np.float32) @ _OUTWARD, np.float32)
        places = np.argsort(rises, kind="stable")
        ones, others = (half.astype(np.float32) for half in partners(descriptions[places]))
        sums = np.ones((len(ones), 65), np.float32)
        np.add(ones, others, out=sums[:, :64])
        squares = np.einsum("ij,ij->i", ones, ones) + np.einsum("ij,ij->i", others, others)
        return cls(places, rises[places], sums, ones - others, squares)

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Features of a sample, each with the nearest of a training image.

    Attributes:
        mine: (p,) places of those of the sample, ascending.
        theirs: (p,) places of the nearest.
        ratios: (p,) distance of the nearest as a share of that of the second nearest, 0 to 1.
    """

    mine: Places
    theirs: Places
    ratios: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.mine)

    def kept(self, which: NDArray[np.bool_]) -> Pairs:
        """Some of them."""
        return Pairs(self.mine[which], self.theirs[which], self.ratios[which])


def match(sample: Described, training: Described, ratio: float = GUIDED_RATIO) -> tuple[Pairs, Pairs]:
    """Pair the features of a sample, and of its mirror image, with those of a training image.

    Args:
        sample: of n features.
        training: of m features.
        ratio: see `GUIDED_RATIO`.

    Returns:
        Pairs of the sample, and pairs of its mirror image; in each a feature of the sample is in one pair at
        most. None with fewer than two features in the training image: nothing tells then whether a
        description stands out.
    """
    sums = training.sums.copy()
    sums[:, -1] = -training.squares
    plain, mirror = _Standing(sample, training, ratio), _Standing(sample, training, ratio)
    for first in range(0, len(sample), _BLOCK):
        mine = slice(first, min(first + _BLOCK, len(sample)))
        theirs = _near(sample.rises[mine], training.rises)
        if theirs.stop - theirs.start < 2:
            continue
        kept = sample.sums[mine] @ sums[theirs].T
        turned = sample.differences[mine] @ training.differences[theirs].T
        near = kept + turned
        plain.take_in(mine, theirs, near)
        mirror.take_in(mine, theirs, np.subtract(kept, turned, out=near))
    return plain.pairs(), mirror.pairs()


def _near(mine: Numbers, theirs: Numbers) -> slice:
    """Those of a training image that are near to any of these, both ascending."""
    first = int(np.searchsorted(theirs, mine[0] - NEAR, side="left"))
    stop = int(np.searchsorted(theirs, mine[-1] + NEAR, side="right"))
    lacking = max(0, _FEWEST - (stop - first))
    return slice(max(0, first - lacking), min(len(theirs), stop + lacking))


class _Standing:
    """Features of a sample of which the nearest one stands out, block by block."""

    def __init__(self, sample: Described, training: Described, ratio: float) -> None:
        self._sample, self._training, self._ratio = sample, training, ratio
        self._found: list[Pairs] = [Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]

    def take_in(self, mine: slice, theirs: slice, near: Numbers) -> None:
        """Take in 2 s.t - |t|^2 of these features, which is the larger the nearer; it is written over."""
        rows = np.arange(len(near))
        place = near.argmax(axis=1)
        first = near[rows, place]
        near[rows, place] = -np.inf
        squares = self._sample.squares[mine].astype(np.float64)
        nearest, second = squares - first, squares - near.max(axis=1)
        kept = np.flatnonzero(nearest < self._ratio**2 * second)
        self._found.append(
            Pairs(
                self._sample.places[mine][kept],
                self._training.places[theirs][place[kept]],
                np.sqrt(nearest[kept] / second[kept]),
            )
        )

    def pairs(self) -> Pairs:
        """All of them, in the order of the places of the sample."""
        mine = np.concatenate([found.mine for found in self._found])
        theirs = np.concatenate([found.theirs for found in self._found])
        ratios = np.concatenate([found.ratios for found in self._found])
        order = np.argsort(mine)
        return Pairs(mine[order], theirs[order], ratios[order])
