from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from pytest_replication.images.sources import FileSlice, ImageRef, Listing
from pytest_replication.images.sources.base import exists, file_version, printable, storable


def digest(*refs: ImageRef) -> str:
    listing = Listing()
    assert list(listing.watch(refs)) == list(refs)
    assert (listing.count, listing.first, listing.last) == (len(refs), refs[0].id, refs[-1].id)
    return listing.digest


def test_a_listing_tells_ids_and_versions_apart() -> None:
    a, b = ImageRef("a", "a", b"12", "2"), ImageRef("b", "b", b"1", "1")
    assert digest(a, b) == digest(a, b)
    assert len({digest(a, b), digest(b, a), digest(a), digest(ImageRef("a", "a", b"123", "3"), b)}) == 4


def test_a_slice_is_read_in_another_process_as_well(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    ref = ImageRef("a", "a", FileSlice(tmp_path / "file", 3, 4), "1")
    assert pickle.loads(pickle.dumps(ref)).read() == b"3456"


def test_a_slice_beyond_the_end_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    with pytest.raises(OSError, match="ends 2 bytes too early"):
        FileSlice(tmp_path / "file", 8, 4).read_bytes()


def test_text_that_cannot_be_stored_is_escaped() -> None:
    assert storable("caf\udce9") == "caf\\udce9"
    assert storable(None) is None


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_text_that_cannot_be_a_path_does_not_exist(name: str) -> None:
    assert not exists(name)
    assert file_version(Path(name)) == "missing"


def test_a_name_in_no_encoding_is_printable() -> None:
    assert printable(Path(os.fsdecode(b"caf\xe9.png"))) == "caf\\xe9.png"
