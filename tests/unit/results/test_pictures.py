"""Pictures beside the results: small, each once, within their room."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_replication.results.pictures import LONGEST, Pictures

Make = Callable[..., Image.Image]


def test_a_picture_is_stored_once_and_small(tmp_path: Path, picture: Make) -> None:
    pictures = Pictures(tmp_path, 1_000_000)
    path = pictures.add(picture(0, (800, 400)))
    assert path is not None
    with Image.open(tmp_path / path) as stored:
        assert (stored.format, stored.size) == ("WEBP", (LONGEST, LONGEST // 2))
    assert pictures.add(picture(0, (800, 400))) == path
    assert [entry.name for entry in (tmp_path / "pictures").iterdir()] == [Path(path).name]


@pytest.mark.parametrize(
    ("room", "side"), [(5_000, 96), (100_000, 192), (999_999, 192), (1_000_000, LONGEST)]
)
def test_little_room_takes_smaller_pictures(tmp_path: Path, picture: Make, room: int, side: int) -> None:
    path = Pictures(tmp_path, room).add(picture(0, (800, 400)))
    with Image.open(tmp_path / str(path)) as stored:
        assert stored.size == (side, side // 2)


def test_a_picture_that_was_cut_off_is_stored_again(tmp_path: Path, picture: Make) -> None:
    stored = tmp_path / str(Pictures(tmp_path, 10_000).add(picture(0, (28, 28))))
    content = stored.read_bytes()
    stored.write_bytes(content[:-10])
    Pictures(tmp_path, 10_000).add(picture(0, (28, 28)))
    assert stored.read_bytes() == content


def test_small_pictures_are_kept_exactly(tmp_path: Path, picture: Make) -> None:
    image = picture(1, (28, 28))
    with Image.open(tmp_path / str(Pictures(tmp_path, 10_000).add(image))) as stored:
        assert np.array_equal(np.asarray(stored.convert("RGB")), np.asarray(image))


def test_no_more_is_stored_than_there_is_room_for(tmp_path: Path, picture: Make) -> None:
    first = Pictures(tmp_path, 10_000)
    assert first.add(picture(0, (28, 28))) is not None
    used = sum(path.stat().st_size for path in (tmp_path / "pictures").iterdir())
    second = Pictures(tmp_path, used + 10)  # another process, or the next check
    assert second.add(picture(0, (28, 28))) is not None  # is there already
    assert not second.full
    assert second.add(picture(1, (28, 28))) is None
    assert (second.full, second.left_out) == (True, 1)


def test_several_processes_share_the_room(tmp_path: Path, picture: Make) -> None:
    processes = [Pictures(tmp_path, 60_000) for _ in range(4)]
    for number in range(40):
        processes[number % 4].add(picture(number, (64, 64)))
    stored = [path.stat().st_size for path in (tmp_path / "pictures").iterdir()]
    assert all(each.full for each in processes)
    assert sum(stored) <= 60_000 + 3 * max(stored)


def test_what_another_process_is_writing_does_no_harm(
    tmp_path: Path, picture: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Pictures(tmp_path, 10_000).add(picture(0, (28, 28)))
    (tmp_path / "pictures" / ".half.webp.0123456789abcdef.new").write_bytes(b"x" * 10_000)
    scandir = os.scandir

    def gone(folder: Path) -> list[os.DirEntry[str]]:
        entries = list(scandir(folder))
        (folder / Path(str(stored)).name).unlink()
        return entries

    monkeypatch.setattr("pytest_replication.results.pictures.os.scandir", gone)
    assert Pictures(tmp_path, 10_000).add(picture(1, (28, 28))) is not None


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("")
    with pytest.raises(OSError, match="exists"):
        Pictures(tmp_path, 1)
