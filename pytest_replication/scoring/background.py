"""Score normalisation: how much closer to a training image than to images that were never trained on.

``s'(q, r) = s(q, r) - beta * mean over k = first..last of s(q, the k-th nearest of the background)``
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SettingsError

_SPEC = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\[(\d+),(\d+)\]")
_ROWS = 8192
"""Background vectors that are compared at once: bounds the matrix of scores."""


@dataclass(frozen=True, slots=True)
class NormSpec:
    """How scores are normalised; written ``1.00[0,2]``: weight 1, the three nearest.

    Attributes:
        beta: weight of the background, from 0 on.
        first: rank of the first neighbour that counts, 0 for the nearest.
        last: rank of the last one.
    """

    beta: float = 1.0
    first: int = 0
    last: int = 2

    def __post_init__(self) -> None:
        if not (math.isfinite(self.beta) and self.beta >= 0 and 0 <= self.first <= self.last):
            raise SettingsError(
                f"score normalisation of weight {self.beta} over neighbours {self.first} to {self.last} "
                "makes no sense: the weight starts at 0, and so do the neighbours, in order"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``1.00[0,2]``.

        Raises:
            SettingsError: it is written in another way.
        """
        found = _SPEC.fullmatch(text)
        if found is None:
            raise SettingsError(
                f"{text!r} is no score normalisation: write weight[first,last] as in 1.00[0,2], which takes "
                "the three nearest background images"
            )
        return cls(float(found[1]), int(found[2]), int(found[3]))

    def __str__(self) -> str:
        short = f"{self.beta:.2f}"
        number = short if float(short) == self.beta else np.format_float_positional(self.beta)
        return f"{number}[{self.first},{self.last}]"


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Vectors of images that are not in the training set, such as held-out images of its domain.

    A training image among them would hide its own copies: see `check_disjoint`.

    Attributes:
        vectors: (b, dim) float32 unit rows; not to be changed.
        name: where they come from, for reports.
        fingerprint: digest of the vectors.
    """

    vectors: NDArray[np.float32]
    name: str
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        vectors = np.array(self.vectors, np.float32, order="C")
        if vectors.ndim != 2 or 0 in vectors.shape:
            raise SettingsError(
                f"the background {self.name} has vectors of shape {vectors.shape}, expected (1 or more, dim)"
            )
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
        if not (np.abs(lengths - 1) < 1e-3).all():  # also false for NaN
            raise SettingsError(f"the background {self.name} has vectors that are not of unit length")
        vectors.setflags(write=False)
        digest = hashlib.sha256(f"{vectors.shape} ".encode())
        digest.update(vectors.astype("<f4", copy=False).data)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "fingerprint", digest.hexdigest())

    def __len__(self) -> int:
        return len(self.vectors)

    def without(self, rows: NDArray[np.int64]) -> Background:
        """Leave some vectors out, such as those that `check_disjoint` lists.

        Raises:
            SettingsError: none would be left.
        """
        return Background(np.delete(self.vectors, rows, axis=0), self.name)

    def penalties(self, queries: NDArray[np.floating], spec: NormSpec) -> NDArray[np.float64]:
        """What is taken off every score of a query.

        Args:
            queries: (n, dim) unit rows.
            spec: which neighbours count, and how much.

        Returns:
            (n,) float64.

        Raises:
            SettingsError: vectors of another length or not finite, or the background is too small.
        """
        if queries.ndim != 2 or queries.shape[1] != self.vectors.shape[1]:
            raise SettingsError(
                f"queries of shape {queries.shape} cannot be compared with the background {self.name} of "
                f"{self.vectors.shape[1]} dimensions: embed both alike"
            )
        if not np.isfinite(queries).all():
            raise SettingsError("a query is not finite")
        if spec.last >= len(self):
            raise SettingsError(
                f"{spec} asks for {spec.last + 1} neighbours, and the background {self.name} has {len(self)} "
                "images: add some, or ask for fewer"
            )
        nearest = self._nearest(np.asarray(queries, np.float32), spec.last + 1)
        counted: NDArray[np.float64] = spec.beta * nearest[:, spec.first :].mean(axis=1, dtype=np.float64)
        return counted

    def normalise(
        self, scores: NDArray[np.floating], queries: NDArray[np.floating], spec: NormSpec
    ) -> NDArray[np.float64]:
        """Normalise inner products of queries with training images.

        Args:
            scores: (n, k); -inf, where there is no neighbour, stays.
            queries: (n, dim) unit rows, in the same order.
            spec: which neighbours count, and how much.

        Returns:
            (n, k) float64, within [-1 - beta, 1 + beta]; of one query the order is as before.

        Raises:
            SettingsError: as `penalties`, or other numbers of scores and queries.
        """
        if scores.ndim != 2 or len(scores) != len(queries):
            raise SettingsError(f"scores of shape {scores.shape} are not those of {len(queries)} queries")
        normalised: NDArray[np.float64] = scores.astype(np.float64) - self.penalties(queries, spec)[:, None]
        return normalised

    def _nearest(self, queries: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """(n, count) best scores with the background, best first."""
        best = np.full((len(queries), count), -np.inf, np.float32)
        for first in range(0, len(self), _ROWS):
            scores = np.concatenate([best, queries @ self.vectors[first : first + _ROWS].T], axis=1)
            best = np.partition(scores, scores.shape[1] - count, axis=1)[:, -count:]
        return -np.sort(-best, axis=1)
