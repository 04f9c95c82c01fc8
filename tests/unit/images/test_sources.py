from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pytest_replication.errors import SourceError
from pytest_replication.images.sources import ImageRef, Listing, Source, open_source


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


def test_images_in_memory_are_a_source(picture: Callable[..., Image.Image]) -> None:
    source = open_source([picture(0), picture(1)])
    refs = list(source)
    assert [ref.id for ref in refs] == ["000000", "000001"]
    with Image.open(io.BytesIO(refs[1].read())) as image:
        assert np.array_equal(np.asarray(image), np.asarray(picture(1)))


def write_parquet(path: Path, images: list[dict[str, object] | None], **columns: list[object]) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = {"image": pa.array(images, kind)} | {name: pa.array(v) for name, v in columns.items()}
    pq.write_table(pa.table(table), path)


def test_parquet_carries_captions_and_labels(pictures: Path, tmp_path: Path) -> None:
    data = (pictures / "00.png").read_bytes()
    write_parquet(tmp_path / "t.parquet", [{"bytes": data, "path": "a.png"}], text=["a cat"], label=[3])
    (ref,) = open_source(tmp_path / "t.parquet")
    assert (ref.id, ref.caption, ref.label) == ("t.parquet#0", "a cat", "3")
    assert ref.uri.endswith("t.parquet#0/a.png")
    assert ref.read() == data


def test_a_folder_of_parquet_files_is_read_in_order(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(2):
        rows = [{"bytes": (pictures / f"0{i}.png").read_bytes(), "path": None} for i in range(3)]
        write_parquet(folder / f"train-{number}.parquet", rows)
    source = open_source(folder)
    assert len(source) == 6
    assert ids(source)[3] == "train-1.parquet#0"


@pytest.mark.parametrize("image", [None, {"bytes": None, "path": "gone.png"}])
def test_a_parquet_row_without_bytes_is_listed(image: dict[str, object] | None, tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", [image])
    (ref,) = open_source(tmp_path / "t.parquet")
    assert ref.read() == b""


def test_parquet_without_an_image_column_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": ["x"]}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match="has no column image"):
        open_source(tmp_path / "t.parquet")


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(SourceError, match=r"t\.parquet cannot be read"):
        open_source(tmp_path / "t.parquet")


def test_parquet_beside_images_is_ambiguous(pictures: Path) -> None:
    write_parquet(pictures / "t.parquet", [None])
    with pytest.raises(SourceError, match="parquet files and other files"):
        open_source(pictures)


@pytest.mark.parametrize("given", ["missing", "file.xyz", "empty"])
def test_what_is_no_source_is_refused(given: str, tmp_path: Path) -> None:
    (tmp_path / "file.xyz").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=given):
        open_source(tmp_path / given)


def test_a_list_with_a_file_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a.png\nb.png\na.png\n")
    with pytest.raises(SourceError, match=r"names a\.png twice"):
        open_source(tmp_path / "train.txt")


def test_a_binary_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="cannot be read as a list"):
        open_source(tmp_path / "train.txt")


def test_no_images_in_memory_are_refused() -> None:
    with pytest.raises(SourceError, match="no training images"):
        open_source([])


def digest(*refs: ImageRef) -> str:
    listing = Listing()
    assert list(listing.watch(refs)) == list(refs)
    assert (listing.count, listing.first, listing.last) == (len(refs), refs[0].id, refs[-1].id)
    return listing.digest


def test_a_listing_tells_ids_and_versions_apart() -> None:
    a, b = ImageRef("a", "a", b"12", "2"), ImageRef("b", "b", b"1", "1")
    assert digest(a, b) == digest(a, b)
    assert len({digest(a, b), digest(b, a), digest(a), digest(ImageRef("a", "a", b"123", "3"), b)}) == 4


def test_nested_parquet_files_are_part_of_the_set(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "more").mkdir(parents=True)
    write_parquet(folder / "a.parquet", [None])
    write_parquet(folder / "more" / "b.parquet", [None, None])
    assert ids(open_source(folder)) == ["a.parquet#0", "more/b.parquet#0", "more/b.parquet#1"]


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


def test_parquet_that_is_damaged_inside_is_an_error(pictures: Path, tmp_path: Path) -> None:
    rows = [{"bytes": (pictures / f"{i:02d}.png").read_bytes(), "path": None} for i in range(12)]
    path = tmp_path / "t.parquet"
    write_parquet(path, rows)
    content = bytearray(path.read_bytes())
    content[4:60] = bytes(56)  # the header of the first page
    path.write_bytes(content)
    with pytest.raises(SourceError, match="t.parquet is damaged"):
        list(open_source(path))
