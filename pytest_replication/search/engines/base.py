"""What every approximate engine is, and what is checked of it whatever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from pytest_replication.errors import SampleError, SearchError, SettingsError
from pytest_replication.index.reader import Index
from pytest_replication.search.engines.entry import EngineEntry
from pytest_replication.search.vectors import Numbers

Queries = NDArray[np.float32]
SEED = 20230618
"""Of everything random in a build, so that the same vectors give the same engine."""


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made.

    Attributes:
        parameters: that shaped the files.
        effort: with which it is searched while no certificate asks for more.
    """

    parameters: Mapping[str, int]
    effort: int


class Engine(ABC):
    """Proposes stored vectors that may be near a query. What it proposes is scored again exactly.

    Attributes:
        name: what users write.
        entry: what its engine.json says.
        exhaustive: effort with which it overlooks nothing; the highest there is.
    """

    name: ClassVar[str]

    def __init__(self, entry: EngineEntry, exhaustive: int) -> None:
        self.entry = entry
        self.exhaustive = exhaustive
        self.effort = entry.effort

    @property
    def effort(self) -> int:
        """How hard it looks, from 1 to `exhaustive`; what a step means is the engine's own affair."""
        return self._effort

    @effort.setter
    def effort(self, effort: int) -> None:
        if not 1 <= effort <= self.exhaustive:
            raise SettingsError(f"effort {effort} of {self.name} must be from 1 to {self.exhaustive}")
        self._effort = effort

    @classmethod
    @abstractmethod
    def library(cls) -> str:
        """Name and version of the library behind it.

        Raises:
            SettingsError: it is not installed.
        """

    @classmethod
    @abstractmethod
    def build(cls, index: Index, folder: Path, *, progress: bool) -> Built:
        """Write the files of an engine for all stored vectors of an index into an empty folder.

        The same vectors give an engine that proposes the same.

        Raises:
            BuildError: it cannot be built or written.
        """

    @classmethod
    @abstractmethod
    def open(cls, folder: Path, entry: EngineEntry) -> Self:
        """Open files whose digests were found to be those of the entry.

        Raises:
            SearchError: they do not hold what the entry says.
        """

    @classmethod
    @abstractmethod
    def trial(cls, vectors: Queries, queries: Queries, k: int) -> Numbers:
        """Look exhaustively for the k nearest of some vectors to each query, all in memory."""

    @abstractmethod
    def _propose(self, queries: Queries, k: int) -> Numbers:
        """Do the work of `candidates` for input that is fit."""

    def candidates(self, queries: Queries, k: int) -> Numbers:
        """Propose stored vectors.

        Args:
            queries: (n, dim) float32 unit rows, n >= 1.
            k: candidates for each; may be more than there are vectors.

        Returns:
            (n, k) int64 numbers of stored vectors (row * views + view), -1 where fewer are found.

        Raises:
            SampleError: queries of another shape, not finite or not of unit length.
            SettingsError: k below 1.
            SearchError: the engine names a vector that the index does not have.
        """
        self._check(queries, k)
        found = self._propose(np.ascontiguousarray(queries, np.float32), k)
        shape = (len(queries), k)
        if found.shape != shape or found.min() < -1 or found.max() >= self.entry.vectors:
            raise SearchError(
                f"{self.name} names vectors from {found.min()} to {found.max()} in an array of shape "
                f"{found.shape}, expected {shape} and numbers below {self.entry.vectors}: rebuild it with "
                f"'pytest-replication engine INDEX {self.name}'"
            )
        return found

    def _check(self, queries: Queries, k: int) -> None:
        if k < 1:
            raise SettingsError(f"{k} candidates were asked for, expected 1 or more")
        if queries.ndim != 2 or len(queries) == 0 or queries.shape[1] != self.entry.dim:
            raise SampleError(
                f"queries have shape {queries.shape}, expected (1 or more, {self.entry.dim}): embed "
                "samples with the embedder of the index"
            )
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
        if not (np.abs(lengths - 1) < 1e-3).all():  # also false for NaN
            raise SampleError("a query is not finite or not of unit length: normalise it")
