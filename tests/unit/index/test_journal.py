from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_replication.errors import CalibrationError
from pytest_replication.index.attachments import is_attachment
from pytest_replication.index.journal import Batch, Journal

FIRST = Batch("a", 3, 1, [("/x", "torn")], [0.25, -0.5], [4, 5], ["0f" * 8, "1f" * 8], [("/y", 4, 0.25)])
SECOND = Batch("b", 1, 0, [], [1.0], [7], ["2f" * 8])


def reopened(folder: Path, job: str = "job") -> Journal:
    journal = Journal(folder, job)
    journal.read()
    return journal


def test_batches_come_back_as_they_were(tmp_path: Path) -> None:
    journal = reopened(tmp_path)
    journal.add(FIRST)
    journal.add(SECOND)
    again = reopened(tmp_path)
    assert again.batches == [FIRST, SECOND]
    again.drop()
    assert reopened(tmp_path).batches == []


def test_another_job_has_another_file(tmp_path: Path) -> None:
    reopened(tmp_path).add(FIRST)
    assert reopened(tmp_path, "other").batches == []


def test_its_name_is_one_that_writers_clear_away(tmp_path: Path) -> None:
    reopened(tmp_path).add(FIRST)
    (path,) = tmp_path.iterdir()
    assert is_attachment(path.name)


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_line_is_measured_again_and_written_over(tmp_path: Path, cut: int) -> None:
    journal = reopened(tmp_path)
    journal.add(FIRST)
    journal.add(SECOND)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-cut])
    torn = reopened(tmp_path)
    assert torn.batches == [FIRST]
    torn.add(SECOND)
    assert reopened(tmp_path).batches == [FIRST, SECOND]


@pytest.mark.parametrize(
    "change",
    [
        {"scores": [0.25, float("nan")]},
        {"scores": [0.25, 1.5]},
        {"scores": [0.25]},
        {"rows": [4]},
        {"keys": []},
        {"unreadable": 0},
        {"surprise": 1},
    ],
    ids=str,
)
def test_what_no_search_gives_is_measured_again(tmp_path: Path, change: dict[str, Any]) -> None:
    journal = reopened(tmp_path)
    journal.add(FIRST)
    journal.add(SECOND)
    (path,) = tmp_path.iterdir()
    first, second = path.read_text().splitlines()
    path.write_text(json.dumps(json.loads(first) | change) + "\n" + second + "\n")
    assert reopened(tmp_path).batches == []


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="cannot be written"):
        Journal(tmp_path / "gone", "job").add(FIRST)
