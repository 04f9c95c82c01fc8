from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_replication.images.read import MAX_BYTES, read_file


def test_a_file_and_a_link_to_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12")
    (tmp_path / "b").symlink_to("a")
    assert read_file(tmp_path / "a") == read_file(tmp_path / "b") == b"12"


def test_a_file_that_is_too_large_for_an_image_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.touch()
    os.truncate(path, 100 * MAX_BYTES)  # takes no room on disk
    with pytest.raises(OSError, match="107,374,182,400 bytes are more than 1,073,741,824"):
        read_file(path)


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices have no names")
def test_what_never_ends_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    for name in ("pipe.jpg", "zero.jpg"):
        with pytest.raises(OSError, match="not a regular file"):
            read_file(tmp_path / name)


@pytest.mark.parametrize("name", ["missing", "a\0b"])
def test_a_name_of_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="No such file|null byte"):
        read_file(tmp_path / name)
