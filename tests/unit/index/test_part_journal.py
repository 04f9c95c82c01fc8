"""What was measured of parts is kept line by line, and what is torn is measured again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication.errors import CalibrationError
from pytest_replication.index.part_journal import MeasuredPart, PartJournal

ONE, TWO, THREE = (MeasuredPart(key, f"/{key}", n, "id", "/t") for n, key in enumerate("abc", 1))


def test_another_run_takes_up_what_was_done(tmp_path: Path) -> None:
    first = PartJournal(tmp_path, "job")
    first.add([ONE, TWO])
    first.add([THREE])
    again = PartJournal(tmp_path, "job")
    assert again.done == {}
    again.read()
    assert list(again.done.values()) == [ONE, TWO, THREE]
    other = PartJournal(tmp_path, "another job")
    other.read()
    assert other.done == {}
    again.drop()
    assert list(tmp_path.iterdir()) == []
    assert again.done == {}


@pytest.mark.parametrize(
    "torn",
    [
        b'{"key": "d", "uri": "/d", "poi',
        b"[]\n",
        b'{"key": "d", "uri": "/d", "points": 1.5}\n',
        b'{"key": "d", "uri": "/d", "points": -1}\n',
        b'{"key": 4, "uri": "/d", "points": 1}\n',
        b'{"key": "d", "uri": "/d"}\n',
        b'{"key": "d", "uri": "/d", "points": 1}',
    ],
)
def test_what_is_torn_is_left_out_and_written_over(tmp_path: Path, torn: bytes) -> None:
    PartJournal(tmp_path, "job").add([ONE])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + torn)
    again = PartJournal(tmp_path, "job")
    again.read()
    assert list(again.done.values()) == [ONE]
    again.add([TWO])
    last = PartJournal(tmp_path, "job")
    last.read()
    assert list(last.done.values()) == [ONE, TWO]


def test_what_was_cleared_away_meanwhile_is_written_again(tmp_path: Path) -> None:
    journal = PartJournal(tmp_path, "job")
    journal.add([ONE])
    next(tmp_path.iterdir()).unlink()
    journal.add([TWO])
    again = PartJournal(tmp_path, "job")
    again.read()
    assert list(again.done.values()) == [ONE, TWO]


def test_a_disk_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="cannot be written .*: what is measured could not be kept"):
        PartJournal(tmp_path / "gone", "job").add([ONE])
