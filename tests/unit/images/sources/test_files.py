from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_replication.errors import SourceError
from pytest_replication.images.sources import Source, open_source


def ids(source: Source) -> list[str]:
    return [ref.id for ref in source]


def test_a_folder_lists_files_of_all_levels_by_relative_path(pictures: Path) -> None:
    (pictures / "b").mkdir()
    (pictures / "00.png").rename(pictures / "b" / "00.png")
    source = open_source(pictures)
    assert ids(source) == [f"{i:02d}.png" for i in range(1, 12)] + ["b/00.png"]
    assert ids(source) == ids(source)
    assert len(source) == 12


def test_companions_are_passed_over_and_unknown_files_are_not(pictures: Path) -> None:
    for name in ("00.txt", "meta.json", ".DS_Store", "Thumbs.db"):
        (pictures / name).write_text("x")
    (pictures / "raw.heic").write_text("x")  # not readable, so it has to show up as rejected
    (pictures / ".cache").mkdir()
    (pictures / ".cache" / "x.png").write_text("x")
    assert ids(open_source(pictures)) == [f"{i:02d}.png" for i in range(12)] + ["raw.heic"]


def test_an_image_has_one_uri_however_its_folder_is_written(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "else", target_is_directory=True)
    monkeypatch.chdir(tmp_path / "else")
    wanted = [str(path) for path in sorted(pictures.iterdir())]
    for given in (
        "../pictures",
        ".././pictures",
        "x/../../pictures",
        str(tmp_path / "link" / ".." / "pictures"),
    ):
        (tmp_path / "else" / "x").mkdir(exist_ok=True)
        assert [ref.uri for ref in open_source(given)] == wanted
    (tmp_path / "deep" / "else").mkdir(parents=True)
    (tmp_path / "deep" / "link").symlink_to(tmp_path / "else", target_is_directory=True)
    assert [ref.uri for ref in open_source(str(tmp_path / "deep" / "link" / ".." / "pictures"))] == wanted


def test_links_are_followed_once(pictures: Path) -> None:
    (pictures / "loop").symlink_to(pictures, target_is_directory=True)
    assert len(open_source(pictures)) == 12


def test_a_list_is_read_relative_to_its_own_folder(pictures: Path) -> None:
    listing = pictures.parent / "train.txt"
    listing.write_text("pictures/03.png\n\npictures/01.png\n")
    refs = list(open_source(listing))
    assert [ref.id for ref in refs] == ["pictures/03.png", "pictures/01.png"]
    assert refs[0].read() == (pictures / "03.png").read_bytes()


def test_a_listed_file_that_is_missing_is_listed_all_the_same(tmp_path: Path) -> None:
    listing = tmp_path / "train.txt"
    listing.write_text("gone.png\n")
    (ref,) = open_source(listing)
    assert ref.version == "missing"
    with pytest.raises(FileNotFoundError):
        ref.read()


def test_paths_may_be_given_as_a_list(pictures: Path) -> None:
    source = open_source([pictures / "01.png", str(pictures / "02.png")])
    assert len(source) == 2


def test_a_list_with_a_file_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a.png\nb.png\na.png\n")
    with pytest.raises(SourceError, match=r"names a\.png twice"):
        open_source(tmp_path / "train.txt")


def test_a_binary_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="cannot be read as a list"):
        open_source(tmp_path / "train.txt")


def test_a_name_that_starts_with_a_hash_is_a_name(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("#7.png\n8.png\n")
    assert ids(open_source(tmp_path / "train.txt")) == ["#7.png", "8.png"]


def test_a_file_that_changed_at_equal_size_is_another_version(pictures: Path) -> None:
    def versions() -> list[str]:
        return [ref.version for ref in open_source(pictures)]

    before = versions()
    os.utime(pictures / "00.png", ns=(1, 1))
    assert versions()[0] != before[0]
    assert versions()[1:] == before[1:]


def test_a_name_in_no_encoding_can_be_stored(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")).write_bytes(b"x")
    (ref,) = open_source(folder)
    assert ref.id == "caf\\xe9.png"
    ref.uri.encode()
    assert ref.read() == b"x"
