"""Scores by name: how the features of a query and of a picture become one number.

``inner``; ``split`` and ``cross``, over tokens or, for an extractor without, equal slices of its
vector (not of one that is made of bits, whose slices tie, nor of an extractor whose tokens a preset
hides); each of these two with ``-concat`` for the norm of the code released with Somepalli et al. (CVPR
2023). ``inner`` may be followed by ``+centre``, ``+pca`` or ``+whiten``, learnt on the background set, and
by ``+norm``, score normalisation against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_replication.benchmark.features import Features
from pytest_replication.embedders.base import Embedder
from pytest_replication.errors import BenchmarkError, UnknownName, meant
from pytest_replication.scoring import (
    Background,
    NormSpec,
    Whitening,
    cross_split_product,
    slices,
    split_product,
)
from pytest_replication.scoring.whitening import EPS

VERSION = 4
"""Of what the scores compute; results of another version are measured again."""

SLICES_OF_A_VECTOR = "slices"
"""What is said of the parts of an extractor without tokens."""
SLICES = 16
"""Most slices of a vector that stand in for tokens."""
SHORTEST = 16
"""Fewest numbers of a slice: of shorter ones the best of unrelated pictures score like that of a copy."""
Matrix = NDArray[np.floating]
_Product = Callable[[NDArray[Any], NDArray[Any]], Matrix]

_PARTS: dict[str, _Product] = {
    "split": lambda a, b: split_product(a, b, "chunk"),
    "split-concat": lambda a, b: split_product(a, b, "concat"),
    "cross": lambda a, b: cross_split_product(a, b, "chunk"),
    "cross-concat": lambda a, b: cross_split_product(a, b, "concat"),
}
_LEARNT = {"centre": "centre", "pca": "pca", "whiten": "pca-whiten"}
A_DIMENSION = 2
"""Background pictures for each dimension that a projection keeps."""
_LEAST = 2
"""Background pictures from which anything can be learnt."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison that is ready to be made.

    Attributes:
        rows: the scores (n, database) of some of the queries.
        about: what was learnt on the background for it, or which parts it compares; empty for neither.
    """

    rows: Callable[[slice], Matrix]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def matrix(self) -> Matrix:
        """Scores of all queries: (queries, database)."""
        return self.rows(slice(None))


@dataclass(frozen=True, slots=True)
class Score:
    """One way to compare.

    Attributes:
        name: as the user writes it.
        base: ``inner``, or a key of the products of parts.
        learnt: what is learnt on the background before; empty for nothing.
        normalised: whether scores are normalised against the background.
    """

    name: str
    base: str
    learnt: str = ""
    normalised: bool = False

    @property
    def needs_tokens(self) -> bool:
        """Whether it looks at parts."""
        return self.base != "inner"

    @property
    def needs_background(self) -> bool:
        """Whether it looks at a background set."""
        return bool(self.learnt) or self.normalised

    @property
    def least(self) -> int:
        """Pictures that the background set has to have."""
        return max(_LEAST if self.learnt else 0, NormSpec().last + 1 if self.normalised else 0)

    def misfit(self, embedder: Embedder) -> str:
        """What an extractor lacks of what it compares, as the end of a sentence; empty for nothing."""
        if not self.needs_tokens or embedder.token_shape is not None:
            return ""
        if embedder.hides_tokens:
            return (
                f"whose tokens the preset {embedder.spec.preset} hides, since it leaves images in their own "
                "shapes: take one that crops or squares"
            )
        if embedder.bits:
            return "which has no tokens but bits, whose slices tie"
        if slices_of(embedder.spec.dim) == 1:
            return f"which has neither tokens nor equal slices of {SHORTEST} numbers or more"
        return ""

    def compare(
        self, queries: Features, database: Features, background: Features | None = None
    ) -> Comparison:
        """Make ready to compare queries with the whole database.

        Raises:
            BenchmarkError: it needs a background set.
            SettingsError: the background set is too small; of a normalised score when rows are asked for.
        """
        if self.needs_background and background is None:
            raise BenchmarkError(f"the score {self.name} needs a background set: give --background IMAGES")
        if self.needs_tokens:
            return self._of_parts(queries, database)
        about: Mapping[str, Any] = {}
        sides = [queries.vectors, database.vectors]
        if background is not None and self.learnt:
            whitening, about = _learn(self.learnt, background.vectors)
            sides = [whitening.apply(side) for side in (*sides, background.vectors)]
        elif background is not None:
            sides.append(background.vectors)
        behind = Background(sides[2], "background") if self.normalised else None

        def rows(part: slice) -> Matrix:
            scores: Matrix = sides[0][part] @ sides[1].T
            return scores if behind is None else behind.normalise(scores, sides[0][part], NormSpec())

        return Comparison(rows, about)

    def _of_parts(self, queries: Features, database: Features) -> Comparison:
        product = _PARTS[self.base]
        mine, others = queries.tokens, database.tokens
        if mine is None or others is None:
            count = slices_of(queries.vectors.shape[1])
            one, other = slices(queries.vectors, count), slices(database.vectors, count)
            return Comparison(
                lambda part: product(one[part], other), {"chunks": count, "chunks_of": SLICES_OF_A_VECTOR}
            )

        def rows(part: slice) -> Matrix:
            # One chunk of the database at a time: tokens of all of it may not fit.
            pieces = _pieces(mine, part)
            return np.block([[product(piece, other) for other in others] for piece in pieces])

        return Comparison(rows, {"chunks": mine[0].shape[1], "chunks_of": "tokens"})


def _pieces(tokens: Sequence[NDArray[Any]], part: slice) -> list[NDArray[Any]]:
    """Some rows of arrays that follow each other."""
    start, stop, _ = part.indices(sum(map(len, tokens)))
    found, first = [], 0
    for array in tokens:
        found.append(array[max(0, start - first) : max(0, stop - first)])
        first += len(array)
    return [piece for piece in found if len(piece)]


def score_named(name: str) -> Score:
    """Find a score.

    Raises:
        UnknownName: there is none of this name.
    """
    base, *steps = name.split("+")
    normalised = steps[-1:] == ["norm"]
    learnt = steps[:-1] if normalised else steps
    known = base == "inner" or (base in _PARTS and not steps)
    if not known or len(learnt) > 1 or not set(learnt) <= set(_LEARNT):
        near = meant(name, ["inner", "inner+norm", *(f"inner+{step}" for step in _LEARNT), *_PARTS])
        raise UnknownName(
            f"there is no score {name!r}{near}; there are {', '.join(_PARTS)}, and inner, which may be "
            f"followed by +{', +'.join(_LEARNT)} and by +norm"
        )
    return Score(name, base, "".join(learnt), normalised)


def slices_of(dim: int) -> int:
    """Into how many equal slices of `SHORTEST` numbers or more a vector is cut: `SLICES` at most, or 1."""
    return max((n for n in range(2, SLICES + 1) if dim % n == 0 and dim // n >= SHORTEST), default=1)


def _learn(kind: str, background: NDArray[np.float32]) -> tuple[Whitening, Mapping[str, Any]]:
    """Learn on the background, and say how many directions are kept, with which share of its variance."""
    if kind == "centre":
        return Whitening.learn(background, None, "centre"), {}
    variances = _variances(background)
    # No more can be kept than vary, however many vectors there are.
    varying = int((variances > EPS * variances[0]).sum())
    kept = max(1, min(varying, len(background) // A_DIMENSION))
    # Literal by construction: the keys of _LEARNT are checked by score_named.
    whitening = Whitening.learn(background, kept, _LEARNT[kind])  # type: ignore[arg-type]
    share = float(variances[:kept].sum() / variances.sum())
    return whitening, {"whitening": {"kept": kept, "of": background.shape[1], "variance": round(share, 4)}}


def _variances(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of the principal directions of vectors, largest first."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    found: NDArray[np.float64] = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    return found
