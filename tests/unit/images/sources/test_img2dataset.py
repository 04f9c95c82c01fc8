from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_replication.errors import SourceError
from pytest_replication.images.sources import ImageRef, open_source

Write = Callable[..., Path]
JPEG = b"\xff\xd8\xff" + b"x" * 700
KEYS = [f"{number:09d}" for number in range(5)]


@pytest.fixture
def sidecar(write_rows: Write) -> Callable[[Path], Path]:
    """Write what became of five URLs: the second and the last one failed."""

    def write(path: Path) -> Path:
        return write_rows(
            path,
            key=KEYS,
            status=["success", "failed_to_download", "success", "success", "failed_to_resize"],
            error_message=[None, "HTTP Error 404", None, None, "decoding error"],
            caption=[f"caption {key}" for key in KEYS],
            url=[f"images/{key}" for key in KEYS],
            width=[1] * 5,
        )

    return write


def summary(refs: list[ImageRef]) -> list[tuple[str, str | None, str | None]]:
    return [(ref.id, ref.caption, ref.fault) for ref in refs]


def test_tars_are_joined_with_their_sidecars(
    tmp_path: Path, write_tar: Write, sidecar: Callable[[Path], Path]
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    members = {f"{KEYS[0]}.jpg": JPEG, f"{KEYS[0]}.txt": b"other"}
    members |= {f"{KEYS[3]}.jpg": JPEG, f"{KEYS[3]}.json": b"{}", "extra.jpg": JPEG}
    write_tar(folder / "00000.tar", members)
    sidecar(folder / "00000.parquet")
    (folder / "00000_stats.json").write_text("{}")
    for given in (folder, f"img2dataset:{folder}", f"webdataset:{folder}/{{00000..00000}}.tar"):
        source = open_source(given)
        found = list(source)
        assert summary(found) == [
            (f"00000.tar/{KEYS[0]}.jpg", f"caption {KEYS[0]}", None),
            (f"00000.tar/{KEYS[1]}", f"caption {KEYS[1]}", "img2dataset: failed_to_download: HTTP Error 404"),
            (f"00000.tar/{KEYS[3]}.jpg", f"caption {KEYS[3]}", None),
            ("00000.tar/extra.jpg", None, None),
            (
                f"00000.tar/{KEYS[2]}",
                f"caption {KEYS[2]}",
                "img2dataset: success, but no such key in the tar",
            ),
            (f"00000.tar/{KEYS[4]}", f"caption {KEYS[4]}", "img2dataset: failed_to_resize: decoding error"),
        ]
        assert found[1].uri == f"{folder}/00000.tar/{KEYS[1]}"
        assert len(source) == 5


def test_tars_in_another_order_than_their_sidecars(
    tmp_path: Path, write_tar: Write, sidecar: Callable[[Path], Path]
) -> None:
    path = write_tar(tmp_path / "00000.tar", {f"{KEYS[i]}.jpg": JPEG for i in (3, 0, 2)})
    sidecar(tmp_path / "00000.parquet")
    found = list(open_source(path))
    assert [ref.id.removeprefix("00000.tar/") for ref in found] == [
        KEYS[1],
        *(f"{KEYS[i]}.jpg" for i in (3, 0, 2)),
        KEYS[4],
    ]


def test_a_tar_that_was_cut_off_is_an_error_beside_its_sidecar_too(
    tmp_path: Path, write_tar: Write, sidecar: Callable[[Path], Path]
) -> None:
    path = write_tar(tmp_path / "00000.tar", {f"{key}.jpg": JPEG for key in KEYS})
    sidecar(tmp_path / "00000.parquet")
    path.write_bytes(path.read_bytes()[: 3 * 1536])
    with pytest.raises(SourceError, match=r"00000\.tar was cut off"):
        open_source(path)


def test_a_key_twice_in_a_sidecar_is_a_fault(tmp_path: Path, write_tar: Write, write_rows: Write) -> None:
    path = write_tar(tmp_path / "0.tar", {"a.jpg": JPEG})
    write_rows(tmp_path / "0.parquet", key=["a", "a"], status=["success", "success"])
    assert [ref.fault is None for ref in open_source(path)] == [True, False]


def test_a_parquet_file_that_is_no_sidecar_is_not_taken_for_one(
    tmp_path: Path, write_tar: Write, write_rows: Write
) -> None:
    path = write_tar(tmp_path / "0.tar", {"a.jpg": JPEG})
    write_rows(tmp_path / "0.parquet", key=["b"])
    assert [ref.id for ref in open_source(path)] == ["0.tar/a.jpg"]


def test_a_damaged_sidecar_is_an_error(tmp_path: Path, write_tar: Write) -> None:
    path = write_tar(tmp_path / "0.tar", {"a.jpg": JPEG})
    (tmp_path / "0.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError, match=r"0\.parquet cannot be read as parquet"):
        open_source(path)


@pytest.fixture
def folders(tmp_path: Path, sidecar: Callable[[Path], Path]) -> Path:
    """Output of img2dataset in the layout of files."""
    folder = tmp_path / "set"
    (folder / "00000").mkdir(parents=True)
    for number in (0, 3):
        (folder / "00000" / f"{KEYS[number]}.jpg").write_bytes(JPEG)
        (folder / "00000" / f"{KEYS[number]}.txt").write_text("t")
        (folder / "00000" / f"{KEYS[number]}.json").write_text("{}")
    (folder / "00000" / "extra.jpg").write_bytes(JPEG)
    sidecar(folder / "00000.parquet")
    return folder


def test_folders_are_joined_with_their_sidecars(folders: Path) -> None:
    for given in (folders, f"img2dataset:{folders}"):
        source = open_source(given)
        found = list(source)
        assert summary(found) == [
            (f"00000/{KEYS[0]}.jpg", f"caption {KEYS[0]}", None),
            (f"00000/{KEYS[1]}", f"caption {KEYS[1]}", "img2dataset: failed_to_download: HTTP Error 404"),
            (f"00000/{KEYS[3]}.jpg", f"caption {KEYS[3]}", None),
            ("00000/extra.jpg", None, None),
            (f"00000/{KEYS[2]}", f"caption {KEYS[2]}", "img2dataset: success, but no such key in the folder"),
            (f"00000/{KEYS[4]}", f"caption {KEYS[4]}", "img2dataset: failed_to_resize: decoding error"),
        ]
        assert found[0].read() == JPEG
        assert (len(source), source.counted) == (5, False)


def test_a_shard_that_is_half_there_is_an_error(folders: Path, sidecar: Callable[[Path], Path]) -> None:
    (folders / "00001").mkdir()
    with pytest.raises(SourceError, match=r"00001 has no 00001\.parquet beside it"):
        open_source(f"img2dataset:{folders}")
    (folders / "00001").rmdir()
    sidecar(folders / "00002.parquet")
    with pytest.raises(SourceError, match=r"00002\.parquet has no 00002/ beside it"):
        open_source(f"img2dataset:{folders}")


def test_a_parquet_file_beside_a_folder_has_to_be_a_sidecar(folders: Path, write_rows: Write) -> None:
    write_rows(folders / "00000.parquet", url=["x"])
    with pytest.raises(SourceError, match=r"00000\.parquet is not what img2dataset writes .* key and status"):
        open_source(f"img2dataset:{folders}")


def test_a_sidecar_without_its_tar_is_an_error(
    tmp_path: Path, write_tar: Write, sidecar: Callable[[Path], Path]
) -> None:
    write_tar(tmp_path / "00000.tar", {"a.jpg": JPEG})
    sidecar(tmp_path / "00000.parquet")
    sidecar(tmp_path / "00001.parquet")
    with pytest.raises(SourceError, match=r"00001\.parquet has no 00001\.tar beside it"):
        open_source(f"img2dataset:{tmp_path}")
    with pytest.raises(SourceError, match="parquet files and other files"):
        open_source(tmp_path)


def test_what_stands_beside_the_shards_is_an_error(folders: Path, write_tar: Write) -> None:
    (folders / "more.jpg").write_bytes(JPEG)
    with pytest.raises(SourceError, match=r"more\.jpg beside the shards"):
        open_source(folders)
    (folders / "more.jpg").unlink()
    write_tar(folders / "00000.tar", {"a.jpg": JPEG})
    with pytest.raises(SourceError, match="holds 00000 beside the shards"):
        open_source(folders)


def test_the_parquet_layout_is_read(tmp_path: Path, write_rows: Write) -> None:
    write_rows(tmp_path / "00000.parquet", key=["a", "b"], status=["success", "failed"], jpg=[JPEG, None])
    for given in (tmp_path, f"img2dataset:{tmp_path}"):
        source = open_source(given)
        assert summary(list(source)) == [
            ("00000.parquet#0", None, None),
            ("00000.parquet#1", None, "img2dataset: failed"),
        ]
        assert source.counted


def test_another_folder_is_refused(tmp_path: Path, write_rows: Write) -> None:
    write_rows(tmp_path / "a.parquet", key=["a"], status=["success"])
    with pytest.raises(SourceError, match="no output of img2dataset"):
        open_source(f"img2dataset:{tmp_path}")
