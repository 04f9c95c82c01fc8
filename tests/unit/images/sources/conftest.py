"""Files that the tests of several kinds of source make."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture(scope="session")
def photos(training: Path) -> list[Path]:
    """Files of the training photographs, in order."""
    return sorted(training.iterdir())


@pytest.fixture
def write_tar() -> Callable[..., Path]:
    """Write a tar out of names and contents, in their order."""

    def write(
        path: Path, members: Mapping[str, bytes | Path] | list[tuple[str, bytes]], mode: str = "w"
    ) -> Path:
        pairs = members.items() if isinstance(members, Mapping) else members
        with tarfile.open(path, mode) as tar:
            for name, content in pairs:
                data = content if isinstance(content, bytes) else content.read_bytes()
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    return write


@pytest.fixture
def write_rows() -> Callable[..., Path]:
    """Write a parquet file out of columns."""

    def write(path: Path, /, **columns: list[object]) -> Path:
        pq.write_table(pa.table(columns), path)
        return path

    return write
