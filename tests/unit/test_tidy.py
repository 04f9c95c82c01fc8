from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_replication.tidy import tidied


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("index", "index"),
        ("./a//b", "./a//b"),
        ("/a/b..c/d", "/a/b..c/d"),
        ("repo/../index", "index"),
        ("/x/repo/../index", "/x/index"),
        ("../index", "../index"),
        ("a/../../index", "../index"),
    ],
)
def test_folders_that_are_left_again_go(path: str, told: str) -> None:
    assert tidied(path) == told


def test_the_place_stays_the_same_behind_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "far" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "below")
    monkeypatch.chdir(tmp_path)
    for path in ("link/../index", str(tmp_path / "link" / ".." / "index")):
        assert tidied(path) == os.path.realpath(tmp_path / "far" / "index")
