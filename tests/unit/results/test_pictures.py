"""Pictures beside the results: small, each once, within their room."""

from __future__ import annotations

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
    assert Pictures(tmp_path, 1).add(picture(0, (800, 400))) == path
    assert [entry.name for entry in (tmp_path / "pictures").iterdir()] == [Path(path).name]


def test_small_pictures_are_kept_exactly(tmp_path: Path, picture: Make) -> None:
    image = picture(1, (28, 28))
    with Image.open(tmp_path / str(Pictures(tmp_path, 10_000).add(image))) as stored:
        assert np.array_equal(np.asarray(stored.convert("RGB")), np.asarray(image))


def test_no_more_is_stored_than_there_is_room_for(tmp_path: Path, picture: Make) -> None:
    first = Pictures(tmp_path, 10_000)
    assert first.add(picture(0, (28, 28))) is not None
    used = sum(path.stat().st_size for path in (tmp_path / "pictures").iterdir())
    second = Pictures(tmp_path, used + 10)  # another process, or the next check
    assert second.add(picture(0, (28, 28))) is not None
    assert not second.full
    assert second.add(picture(1, (28, 28))) is None
    assert (second.full, second.left_out) == (True, 1)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("")
    with pytest.raises(OSError, match="exists"):
        Pictures(tmp_path, 1)
