"""An engine of no library: it looks at more of the vectors the more effort it makes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Self

import numpy as np
import pytest

from pytest_replication import Index
from pytest_replication.search.engines import registry
from pytest_replication.search.engines.base import Built, Engine, Queries
from pytest_replication.search.engines.entry import EngineEntry
from pytest_replication.search.vectors import Numbers, blocks_between, count_vectors


class Toy(Engine):
    """With effort e it overlooks the vectors whose number modulo 8 is e or more."""

    name = "toy"
    version = "toy 1"
    wrong = False
    blind = 8
    """From this effort on nothing more is found."""

    def __init__(self, entry: EngineEntry, vectors: np.ndarray) -> None:
        super().__init__(entry, 8)
        self.vectors = vectors

    @classmethod
    def library(cls) -> str:
        return cls.version

    @classmethod
    def build(cls, index: Index, folder: Path, *, progress: bool) -> Built:
        whole = [block for _, block in blocks_between(index.shards, 0, count_vectors(index), 7)]
        np.save(folder / "vectors.npy", np.concatenate(whole), allow_pickle=False)
        return Built({"flavour": 1}, 1)

    @classmethod
    def open(cls, folder: Path, entry: EngineEntry) -> Self:
        return cls(entry, np.load(folder / "vectors.npy", allow_pickle=False))

    @classmethod
    def trial(cls, vectors: Queries, queries: Queries, k: int) -> Numbers:
        found = np.argsort(-(queries @ vectors.T), axis=1)[:, :k]
        return np.roll(found, 1, axis=0) if cls.wrong else found

    def _propose(self, queries: Queries, k: int) -> Numbers:
        seen = np.flatnonzero(np.arange(len(self.vectors)) % 8 < min(self.effort, self.blind))
        scores = queries @ self.vectors[seen].T
        order = np.argsort(-scores, axis=1)[:, :k]
        found = np.full((len(queries), k), -1, np.int64)
        found[:, : order.shape[1]] = seen[order]
        return found


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> type[Toy]:
    """A fresh class, known to the registry as ``toy``."""

    class Fresh(Toy):
        pass

    module = ModuleType("toy_engine")
    module.Toy = Fresh  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_engine", module)
    monkeypatch.setitem(registry._KNOWN, "toy", ("toy_engine", "Toy"))
    return Fresh
