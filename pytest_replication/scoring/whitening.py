"""Whitening: what vectors of one domain have in common is taken out of them before they are compared.

Scores after it are not those before: a threshold holds for one or the other.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from pytest_replication.durable import replace_file
from pytest_replication.errors import EmbedderError, SettingsError

Kind = Literal["centre", "pca", "pca-whiten"]
KINDS: tuple[Kind, ...] = get_args(Kind)

EPS = 1e-9
"""Directions with less than this share of the largest variance are rounding, and left out."""
_A_DIMENSION = 2
"""Vectors that are asked for each dimension that is kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """A shift and a linear map, followed by normalising to unit length.

    Attributes:
        kind: ``centre`` subtracts the mean, ``pca`` also turns to the directions of largest variance
            and keeps some, ``pca-whiten`` also gives each of them variance 1.
        mean: (dim,) float64.
        matrix: (dim, kept) float64; None for ``centre``.
        learnt_from: number of vectors.
    """

    kind: Kind
    mean: NDArray[np.float64]
    matrix: NDArray[np.float64] | None
    learnt_from: int

    @classmethod
    def learn(cls, vectors: NDArray[np.floating], dim: int | None = None, kind: Kind = "pca-whiten") -> Self:
        """Learn from vectors of the domain, best from images that are neither samples nor trained on.

        Args:
            vectors: (n, d), finite.
            dim: dimensions that are kept; None for all that vary.
            kind: ``centre``, ``pca`` or ``pca-whiten``.

        Raises:
            SettingsError: an unknown kind, a dim that cannot be had, vectors that are not finite, or
                fewer than two for each dimension that is kept (two in all for ``centre``).
        """
        if kind not in KINDS:
            raise SettingsError(f"there is no whitening {kind!r}: give one of {', '.join(KINDS)}")
        if vectors.ndim != 2 or 0 in vectors.shape or not np.isfinite(vectors).all():
            raise SettingsError(f"whitening learns from finite vectors (n, dim), not shape {vectors.shape}")
        count, length = vectors.shape
        if dim is not None and (kind == "centre" or not 1 <= dim <= length):
            raise SettingsError(
                f"a whitening {kind} of vectors of {length} numbers cannot keep {dim}: give 1 to {length}, "
                "and none for centre"
            )
        needed = 2 if kind == "centre" else max(2, _A_DIMENSION * (dim or length))
        if count < needed:
            raise SettingsError(
                f"{count} vectors are too few for a whitening {kind} of {dim or length} dimensions: give "
                f"{needed} or more, or a smaller dim"
            )
        mean = vectors.mean(axis=0, dtype=np.float64)
        matrix = None if kind == "centre" else _principal(vectors, mean, dim, kind == "pca-whiten")
        return cls(kind, mean, matrix, count)

    @property
    def dim(self) -> int:
        """Length of a vector that comes out."""
        return len(self.mean) if self.matrix is None else self.matrix.shape[1]

    @property
    def digest(self) -> str:
        """Digest of all that changes a vector."""
        found = hashlib.sha256(f"{self.kind} {self.learnt_from}".encode())
        for part in (self.mean, self.matrix):
            if part is not None:
                found.update(f" {part.shape} ".encode() + part.astype("<f8", copy=False).tobytes())
        return found.hexdigest()

    def project(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Shift and map, without normalising: (n, `dim`) float64.

        Raises:
            SettingsError: vectors of another length.
        """
        if vectors.ndim != 2 or vectors.shape[1] != len(self.mean):
            raise SettingsError(
                f"vectors of shape {vectors.shape} were to be whitened, expected (n, {len(self.mean)})"
            )
        centred = vectors.astype(np.float64) - self.mean
        return centred if self.matrix is None else centred @ self.matrix

    def apply(self, vectors: NDArray[np.floating]) -> NDArray[np.float32]:
        """Whiten vectors: (n, `dim`) float32 unit rows.

        Raises:
            SettingsError: vectors of another length.
            EmbedderError: of a vector nothing is left, or it is not finite.
        """
        projected = self.project(vectors)
        lengths = np.linalg.norm(projected, axis=1)
        wrong = np.flatnonzero(~np.isfinite(lengths) | (lengths < 1e-9))
        if len(wrong):
            raise EmbedderError(
                f"of vector {wrong[0]} whitening leaves nothing: it is the mean itself, or not finite"
            )
        unit: NDArray[np.float32] = (projected / lengths[:, None]).astype(np.float32)
        return unit

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an npz file, by one rename.

        Raises:
            SettingsError: it cannot be written.
        """
        content = io.BytesIO()
        arrays: dict[str, Any] = (
            {"mean": self.mean} if self.matrix is None else {"mean": self.mean, "matrix": self.matrix}
        )
        head = np.array([self.kind, str(self.learnt_from), self.digest])
        np.savez(content, **arrays, head=head)
        try:
            replace_file(Path(path), content.getvalue())
        except OSError as error:
            raise SettingsError(f"{path} cannot be written ({error.strerror}): name another file") from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote; nothing in the file is executed.

        Raises:
            SettingsError: there is no such file, or it is damaged or of another kind.
        """
        try:
            with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            kind, count, digest = (str(part) for part in arrays.pop("head"))
            found = cls(_kind(kind), arrays.pop("mean"), arrays.pop("matrix", None), int(count))
            if arrays or not found._is_sane() or found.digest != digest:
                raise ValueError("its content is not what was saved")
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
            raise SettingsError(
                f"{path} holds no whitening that could be used ({error}): learn it again"
            ) from error
        return found

    def _is_sane(self) -> bool:
        parts = [self.mean] if self.matrix is None else [self.mean, self.matrix]
        shapes = self.mean.ndim == 1 and (
            self.matrix is None or (self.matrix.ndim == 2 and len(self.matrix) == len(self.mean))
        )
        numbers = all(part.dtype == np.float64 and np.isfinite(part).all() for part in parts)
        return shapes and numbers and (self.matrix is None) == (self.kind == "centre")


def _kind(text: str) -> Kind:
    for kind in KINDS:
        if kind == text:
            return kind
    raise ValueError(f"there is no whitening {text!r}")


def _principal(
    vectors: NDArray[np.floating], mean: NDArray[np.float64], dim: int | None, whiten: bool
) -> NDArray[np.float64]:
    """(d, kept) directions of largest variance, largest first; scaled to variance 1 if wanted."""
    centred = vectors.astype(np.float64) - mean
    variances, directions = np.linalg.eigh(centred.T @ centred / (len(vectors) - 1))
    variances, directions = variances[::-1], directions[:, ::-1]
    # Of equal vectors only the rounding of their mean is left.
    something = variances[0] > EPS**2 * np.square(mean).sum()
    varying = int((variances > EPS * variances[0]).sum()) if something else 0
    if varying == 0 or (dim or 1) > varying:
        raise SettingsError(
            f"the vectors vary in {varying} directions, and {dim or 1} are to be kept: give a smaller dim, "
            "or vectors of more images"
        )
    kept = dim or varying
    directions = directions[:, :kept]
    # The sign of a direction is an accident of the solver; this makes machines agree.
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(kept)])
    return np.ascontiguousarray(directions / np.sqrt(variances[:kept]) if whiten else directions)
