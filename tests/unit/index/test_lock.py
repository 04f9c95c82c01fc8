from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication.errors import BuildError, IndexLocked
from pytest_replication.index.lock import WriterLock


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    first, second = WriterLock(folder), WriterLock(folder)
    first.acquire()
    with pytest.raises(IndexLocked, match=r"another process is building .*index \(it holds .*lock\): wait"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BuildError, match="cannot be written: .*choose another --out"):
        WriterLock(tmp_path / "file" / "index").acquire()
