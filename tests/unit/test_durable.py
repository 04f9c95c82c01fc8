from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import pytest

from pytest_replication.durable import locked, meant_for, replace_file, replacing

OLD, NEW = b"old", b"new, and longer" * 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.json"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the system, in order: ``file 5`` for five bytes of a file that are made durable."""
    asked: list[str] = []
    replace = os.replace

    def fsync(handle: int) -> None:
        folder = os.path.isdir(handle) if os.name == "posix" else False  # noqa: PTH112
        asked.append("folder" if folder else f"file {os.fstat(handle).st_size}")

    def rename(old: Path, new: Path) -> None:
        asked.append(f"rename to {new.name}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", rename)
    return asked


def test_all_bytes_are_on_disk_before_the_name_is_theirs(path: Path, asked: list[str]) -> None:
    replace_file(path, NEW)
    assert asked[:2] == [f"file {len(NEW)}", "rename to file.json"]
    assert asked[2:] == (["folder"] if os.name == "posix" else [])
    assert path.read_bytes() == NEW
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_made_again_anyway_waits_for_no_disk(path: Path, asked: list[str]) -> None:
    replace_file(path, NEW, sync=False)
    assert asked == ["rename to file.json"]
    assert path.read_bytes() == NEW


def test_a_file_that_was_not_there_appears_whole(tmp_path: Path) -> None:
    with replacing(tmp_path / "file") as file:
        file.write(OLD)
        assert not (tmp_path / "file").exists()
        file.write(NEW)
    assert (tmp_path / "file").read_bytes() == OLD + NEW


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("what", ["fsync", "replace"])
def test_a_full_disk_leaves_what_was_there_and_nothing_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(os, what, full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, NEW)
    assert path.read_bytes() == OLD
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), SystemExit(1)])
def test_who_stops_half_way_leaves_what_was_there(path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        with replacing(path) as file:
            file.write(NEW[:100])
            raise error
    assert path.read_bytes() == OLD
    assert list(path.parent.iterdir()) == [path]


def test_the_first_error_is_told_where_nothing_can_be_cleared_away(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "not yours")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, NEW)
    (left,) = set(path.parent.iterdir()) - {path}
    assert meant_for(left.name) == path.name


def test_two_who_write_one_file_do_not_mix_their_bytes(path: Path) -> None:
    with replacing(path) as first, replacing(path) as second:
        for _ in range(3):
            first.write(b"a" * 9000)
            second.write(b"b" * 5000)
    assert path.read_bytes() == b"a" * 27000  # the second was done before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "of"),
    [
        (".manifest.json.0123456789abcdef.new", "manifest.json"),
        (".removed-0123456789abcdef.parquet.0123456789abcdef.new", "removed-0123456789abcdef.parquet"),
        (".manifest.json.new", "manifest.json"),  # as earlier versions called it
        ("manifest.json", None),
        ("manifest.json.new", None),
        (".manifest.json.old", None),
        (".new-000000", None),
        (".new", None),
    ],
)
def test_a_file_tells_what_it_was_on_the_way_to_be(name: str, of: str | None) -> None:
    assert meant_for(name) == of


def test_a_file_is_called_as_meant_for_expects(path: Path) -> None:
    with replacing(path) as file:
        assert meant_for(Path(file.name).name) == path.name


def test_one_at_a_time_changes_a_file(path: Path) -> None:
    inside = threading.Lock()

    def change(number: int) -> None:
        with locked(path):
            assert inside.acquire(blocking=False)
            path.write_bytes(path.read_bytes() + b"%d" % number)
            inside.release()

    path.write_bytes(b"")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(change, range(6)))
    assert sorted(path.read_bytes()) == sorted(b"012345")


def test_a_lock_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder"), locked(tmp_path / "no" / "file"):
        pass
    assert not (tmp_path / "no").exists()


def test_a_disk_without_locks_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(self: filelock.FileLock) -> None:
        raise NotImplementedError("no flock")

    monkeypatch.setattr(filelock.FileLock, "acquire", unknown)
    with pytest.raises(OSError, match="no files can be locked there: no flock"), locked(path):
        pass


def test_a_name_as_long_as_file_systems_take_is_written(tmp_path: Path) -> None:
    for name in ("a" * 255, "é" * 127):
        replace_file(tmp_path / name, b"whole")
        assert (tmp_path / name).read_bytes() == b"whole"
