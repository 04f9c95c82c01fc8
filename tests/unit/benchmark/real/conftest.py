"""Tiny sets in the formats of the published ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_replication.benchmark.sets import Query, RetrievalSet


@pytest.fixture
def pictures() -> Callable[[Path, Iterable[str]], None]:
    """Write small pictures with these names below a folder."""

    def write(folder: Path, names: Iterable[str]) -> None:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (12, 10)).save(folder / name)

    return write


@pytest.fixture
def query_of() -> Callable[[RetrievalSet, str], Query]:
    """One query of a set by its id."""

    def find(made: RetrievalSet, name: str) -> Query:
        (query,) = (query for query in made.queries if query.picture.id == name)
        return query

    return find


@pytest.fixture
def save_matlab() -> Callable[[Path, list[str], list[str], list[dict[str, Any]]], None]:
    """Write a truth as MATLAB does: cells of text, and an array of structures."""

    def cells(names: list[str]) -> Any:
        made = np.empty((1, len(names)), object)
        made[0, :] = names
        return made

    def write(path: Path, database: list[str], queries: list[str], truth: list[dict[str, Any]]) -> None:
        from scipy.io import savemat

        structures = np.zeros((1, len(truth)), dtype=[(name, object) for name in truth[0]])
        for number, entry in enumerate(truth):
            structures[0, number] = tuple(np.atleast_2d(np.asarray(value, float)) for value in entry.values())
        savemat(path, {"imlist": cells(database), "qimlist": cells(queries), "gnd": structures})

    return write
