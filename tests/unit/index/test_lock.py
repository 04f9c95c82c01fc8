from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication.errors import BuildError, IndexLocked
from pytest_replication.index.lock import WriterLock, engines_locked


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    first, second = WriterLock(folder), WriterLock(folder)
    first.acquire()
    with pytest.raises(
        IndexLocked, match=r"another process is writing .*index \(it holds .*lock\): wait for it$"
    ):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_what_a_killed_writer_had_not_finished_goes_with_the_next(tmp_path: Path) -> None:
    for name in ("manifest.json", "probe.npz", "notes.txt"):
        (tmp_path / f".{name}.0123456789abcdef.new").touch()
    (tmp_path / "manifest.json").write_text('{"format": 2, "embedder": {}, "shards": []}')
    lock = WriterLock(tmp_path)
    lock.acquire()
    lock.release()
    left = {path.name for path in tmp_path.iterdir()} - {".lock", "shards"}
    assert left == {"manifest.json", ".notes.txt.0123456789abcdef.new"}


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BuildError, match="cannot be written: .*name a folder that can"):
        WriterLock(tmp_path / "file" / "index").acquire()


def test_folders_that_were_made_for_nothing_are_taken_back(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / "new" / "index")
    lock.acquire()
    lock.undo()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_or_holds_something_else_stays(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("there", "filled"):
        lock = WriterLock(tmp_path / name)
        lock.acquire()
        (tmp_path / name / "notes.txt").touch()
        lock.undo()
        lock.release()
        assert (tmp_path / name / "notes.txt").exists()


def test_one_at_a_time_works_on_engines(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    with engines_locked(tmp_path):
        with pytest.raises(IndexLocked, match=r"another process works on the engines in .*engines"):
            with engines_locked(tmp_path):
                pass
        lock = WriterLock(tmp_path)  # another lock
        lock.acquire()
        lock.release()
    with engines_locked(tmp_path):
        pass
    (tmp_path / "engines" / ".lock").unlink(missing_ok=True)
    (tmp_path / "engines").rmdir()
    (tmp_path / "engines").touch()
    with pytest.raises(BuildError, match="engines lie beside their index"):
        with engines_locked(tmp_path):
            pass
