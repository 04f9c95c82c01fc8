from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytest_replication.errors import IndexCorrupt
from pytest_replication.index.checksums import Checksum, check_file
from pytest_replication.index.shard import describe_file


def test_a_file_is_compared_once_as_a_whole_or_as_it_passes_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npy"
    data = np.arange(5_000_000, dtype=np.uint8)
    np.save(path, data)
    entry = describe_file(path)
    check_file(path, entry.xxh3)
    check_file(path, entry.sha256)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it is read again"))
    for expected in (entry.xxh3, entry.sha256):
        check_file(path, expected)
        check = Checksum(path, expected, 128)
        check.update(data[:1])
        check.compare()


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(9))
    entry = describe_file(path)
    with pytest.raises(IndexCorrupt, match="has changed since it was written"):
        check_file(path, "0" * 16)
    with pytest.raises(IndexCorrupt, match="has changed since it was written"):
        check_file(path, "0" * 64)
    path.unlink()
    with pytest.raises(IndexCorrupt, match="cannot be read"):
        check_file(path, entry.xxh3)
