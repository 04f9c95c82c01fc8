from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pytest_replication import BuildOptions, build_index, check_replication, open_index
from pytest_replication.errors import SettingsError
from pytest_replication.images.sources.files import FileSource
from pytest_replication.index.append import append_index
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.removed import remove_images
from pytest_replication.index.selection import Selection, find_images

PIXELS = BuildOptions(embedder="pixels", shard_rows=5, batch_size=2)


@pytest.fixture
def twice(pictures: Path, unrelated: Path, tmp_path: Path) -> Path:
    """An index of two sources; the image 03.png of one has nothing to do with that of the other."""
    (tmp_path / "other").mkdir()
    for number, path in enumerate(sorted(unrelated.iterdir())[:6]):
        (tmp_path / "other" / f"{number:02d}.png").write_bytes(path.read_bytes())
    build_index(pictures, tmp_path / "index", PIXELS)
    append_index(tmp_path / "index", tmp_path / "other")
    return tmp_path / "index"


def removed(index: Path) -> list[int]:
    return open_index(index).removed.tolist()


def test_an_id_of_several_sources_is_refused(twice: Path, pictures: Path, tmp_path: Path) -> None:
    said = (
        rf"id 03\.png stands in several sources of .*, 0 \(folder {pictures}\), 1 \(folder .*other\) \(1 of 2 "
        r"ids do\): name one of them with --source NUMBER, the image by its uri, or all .*nothing was removed"
    )
    before = read_manifest(twice)
    with pytest.raises(SettingsError, match=said):
        remove_images(twice, ids=["03.png", "11.png"])
    assert read_manifest(twice) == before
    copy = tmp_path / "other" / "03.png"
    assert check_replication([copy], 0.9, index=twice).worst.score > 0.99


@pytest.mark.parametrize("source", [1, "1", "name"])
def test_one_source_is_named(twice: Path, source: int | str) -> None:
    name = read_manifest(twice).sources[1].name if source == "name" else source
    assert remove_images(twice, ids=["03.png"], source=name).removed == 1
    assert removed(twice) == [15]


def test_all_sources_are_named(twice: Path) -> None:
    assert remove_images(twice, ids=["03.png"], all_sources=True).removed == 2
    assert removed(twice) == [3, 15]


def test_a_uri_means_one_image(twice: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "other" / "03.png")
    assert remove_images(twice, ids=[place]).removed == 1
    assert removed(twice) == [15]
    report = remove_images(twice, ids=[place, "11.png", str(tmp_path / "pictures" / "11.png")])
    assert (report.removed, report.already) == (1, 1)


def test_an_id_comes_before_a_uri(pictures: Path, tmp_path: Path) -> None:
    first, second = (pictures / f"{number:02d}.png" for number in range(2))
    source = FileSource([("first", first), (str(first), second)], "odd")
    build_index(source, tmp_path / "index", PIXELS)
    manifest = read_manifest(tmp_path / "index")
    for name, row in ((str(first), 1), ("first", 0), (str(second), 1)):
        found = find_images(tmp_path / "index", manifest, Selection(frozenset([name])))
        assert [(image.row, image.source) for image in found.values()] == [(row, 0)]


@pytest.mark.parametrize("source", [None, 0])
def test_an_id_of_several_images_of_one_source_is_refused(
    pictures: Path, tmp_path: Path, source: int | None
) -> None:
    files = sorted(pictures.iterdir())[:4]
    (pictures / "copy.png").write_bytes(files[3].read_bytes())
    named = [("a", files[0]), ("a", files[1]), ("b", files[2]), ("c", files[3]), ("c", pictures / "copy.png")]
    index = tmp_path / "index"
    build_index(FileSource(named, "odd"), index, PIXELS)
    with pytest.raises(
        SettingsError, match=r"id a stands for 2 different images of source 0 \(odd\) .*\(1 of 2"
    ):
        remove_images(index, ids=["a", "b"], source=source)
    assert removed(index) == []
    assert remove_images(index, ids=["c"], source=source).removed == 2  # copies of one file
    assert remove_images(index, ids=["a"], all_sources=True).removed == 2
    assert removed(index) == [0, 1, 3, 4]


def test_one_that_was_removed_before_still_counts(twice: Path) -> None:
    """A list of opt-outs that is given again must not hit another image of the same id."""
    remove_images(twice, ids=["03.png"], source=0)
    with pytest.raises(SettingsError, match="stands in several sources"):
        remove_images(twice, ids=["03.png"])
    assert removed(twice) == [3]


def test_a_digest_means_every_copy_or_those_of_one_source(twice: Path, pictures: Path) -> None:
    copy = pictures / "zz.png"
    copy.write_bytes((pictures / "05.png").read_bytes())
    append_index(twice, pictures)
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    assert remove_images(twice, sha256=[digest], source=2).removed == 1
    assert remove_images(twice, sha256=[digest]).removed == 1
    assert removed(twice) == [5, 18]


def test_what_cannot_be_selected(twice: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"no source 2: the index has 0 \(folder .*\), 1 \(folder .*nothing"
    ):
        remove_images(twice, ids=["03.png"], source=2)
    with pytest.raises(SettingsError, match=r"no training image of id 11\.png in source 1 \(1 of 1"):
        remove_images(twice, ids=["11.png"], source=1)
    with pytest.raises(SettingsError, match="exclude each other"):
        remove_images(twice, ids=["11.png"], source=1, all_sources=True)
    assert removed(twice) == []
