"""Which reader opens what the user named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.index.importers import clip_retrieval, fastdup
from pytest_replication.index.importers.annoy_file import AnnoyEmbeddings
from pytest_replication.index.importers.base import Embeddings
from pytest_replication.index.importers.clip_retrieval import ClipRetrievalEmbeddings
from pytest_replication.index.importers.dcr import DcrEmbeddings
from pytest_replication.index.importers.faiss_file import FaissEmbeddings
from pytest_replication.index.importers.fastdup import FastdupEmbeddings
from pytest_replication.index.importers.npy import NpyEmbeddings


@dataclass(frozen=True, slots=True)
class _Asked:
    path: Path
    dim: int | None
    metric: str | None
    names: Path | None


_OPENERS: dict[str, Callable[[_Asked], Embeddings]] = {
    "annoy": lambda asked: AnnoyEmbeddings(asked.path, asked.dim, asked.metric, asked.names),
    "clip-retrieval": lambda asked: ClipRetrievalEmbeddings(asked.path),
    "dcr": lambda asked: DcrEmbeddings(asked.path),
    "faiss": lambda asked: FaissEmbeddings(asked.path, asked.names),
    "fastdup": lambda asked: FastdupEmbeddings(asked.path, asked.dim),
    "npy": lambda asked: NpyEmbeddings(asked.path, asked.names),
}
_ENDINGS = {".ann": "annoy", ".faiss": "faiss", ".index": "faiss", ".npy": "npy", ".pkl": "dcr"}
_UNNAMED = ("annoy", "faiss", "npy")

KINDS = tuple(_OPENERS)
"""The words that may come before the colon."""


def open_embeddings(
    given: str, *, dim: int | None = None, metric: str | None = None, names: Path | None = None
) -> Embeddings:
    """Open embeddings and check all that can be checked without reading every vector.

    Args:
        given: ``KIND:PATH`` with one of `KINDS`, or a path that tells by its name or content which it is.
        dim: length of a vector: needed for ``annoy``, helpful for ``fastdup``, compared for the others.
        metric: ``angular`` or ``euclidean``, for ``annoy`` alone.
        names: a ``.txt`` list (one name a line) or a ``.parquet`` table (column id, path, image_path or
            filename), for the kinds without names of their own: ``annoy``, ``faiss`` and ``npy``.
            Without it their records are called by their row.

    Raises:
        SettingsError: a kind, dim, metric or names that do not fit.
        SourceError: files are missing or damaged, or do not belong together.
        BuildError: a package that reads this kind is not installed.
    """
    kind, path = _split(given)
    if metric is not None and kind != "annoy":
        raise SettingsError(f"a metric is for annoy only, not for {kind}: leave it away")
    if names is not None and kind not in _UNNAMED:
        raise SettingsError(f"{kind} has names of its own: leave {names} away")
    if dim is not None and dim < 1:
        raise SettingsError(f"dim is {dim}, expected the length of a vector")
    if not path.exists():
        raise SourceError(f"{path} does not exist: name the embeddings as KIND:PATH")
    found = _OPENERS[kind](_Asked(path, dim, metric, names))
    if dim is not None and found.dim != dim:
        raise SettingsError(
            f"{found.name} holds vectors of {found.dim} numbers, not of {dim}: name the embedder that made "
            "them with --embedder, or correct --dim"
        )
    return found


def _split(given: str) -> tuple[str, Path]:
    kind, colon, rest = given.partition(":")
    if colon and kind in _OPENERS:
        return kind, Path(rest)
    path = Path(given)
    detected = _detect(path)
    if detected is None:
        raise SettingsError(
            f"{given} does not tell what kind of embeddings it is: write KIND:PATH with one of "
            f"{', '.join(KINDS)}"
        )
    return detected, path


def _detect(path: Path) -> str | None:
    if not path.is_dir():
        return _ENDINGS.get(path.suffix)
    if fastdup.looks_like(path):
        return "fastdup"
    return "clip-retrieval" if clip_retrieval.looks_like(path) else None
