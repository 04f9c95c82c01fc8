from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_replication.errors import SourceError
from pytest_replication.images.sources import open_source

Write = Callable[..., Path]


@pytest.mark.parametrize("column", ["image_path", "path", "file_name", "filename"])
@pytest.mark.parametrize("caption", ["caption", "TEXT", "text"])
def test_rows_are_joined_by_a_path(
    column: str, caption: str, pictures: Path, tmp_path: Path, write_rows: Write
) -> None:
    (pictures / "sub").mkdir()
    (pictures / "03.png").rename(pictures / "sub" / "03.png")
    (tmp_path / "outside.png").write_bytes(b"x")
    names = [
        "05.png",
        "sub/03.png",
        "gone.png",
        "../outside.png",
        str(tmp_path / "outside.png"),
        None,
        "",
        "a\0b",
    ]
    path = write_rows(
        tmp_path / "meta.parquet",
        **{column: names, caption: [f"t{i}" for i in range(8)], "label": list(range(8))},
    )
    source = open_source(f"laion:{path}:{pictures}")
    found = list(source)
    assert len(source) == len(found) == 8
    assert [ref.id for ref in found] == [f"meta.parquet#{number}" for number in range(8)]
    assert [ref.caption for ref in found] == [f"t{i}" for i in range(8)]
    assert found[0].label == "0"
    assert [ref.uri for ref in found[:2]] == [f"{pictures}/05.png", f"{pictures}/sub/03.png"]
    assert [ref.fault for ref in found] == [
        None,
        None,
        f"no image file beside the metadata row ({column} gone.png)",
        f"{column} ../outside.png leads out of the folder of images",
        f"{column} {tmp_path}/outside.png leads out of the folder of images",
        f"the row has no {column}",
        f"the row has no {column}",
        f"no image file beside the metadata row ({column} a\0b)",
    ]


def test_a_link_that_leads_out_is_not_followed(pictures: Path, tmp_path: Path, write_rows: Write) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "000010001.jpg").write_bytes(b"secret")
    (pictures / "file.png").symlink_to(outside / "000010001.jpg")
    (pictures / "folder").symlink_to(outside)
    (pictures / "00001").symlink_to(outside)
    (pictures / "loop").symlink_to("loop")
    (pictures / "near.png").symlink_to("05.png")
    names = ["file.png", "folder/000010001.jpg", "near.png", "loop"]
    by_path = write_rows(tmp_path / "path.parquet", path=names)
    by_key = write_rows(tmp_path / "key.parquet", key=["000010001"])
    found = [*open_source(f"laion:{by_path}:{pictures}"), *open_source(f"laion:{by_key}:{pictures}")]
    assert [ref.fault for ref in found] == [
        "path file.png is a link that leads out of the folder of images",
        "path folder/000010001.jpg is a link that leads out of the folder of images",
        None,
        "no image file beside the metadata row (path loop)",
        "key 000010001 is a link that leads out of the folder of images",
    ]
    assert found[0].read() == b""
    assert found[2].read() == (pictures / "05.png").read_bytes()
    pictures.rename(tmp_path / "elsewhere")  # the folder itself may be a link
    pictures.symlink_to(tmp_path / "elsewhere")
    assert [ref.fault for ref in open_source(f"laion:{by_path}:{pictures}")][2] is None


def test_rows_are_joined_by_the_key_of_img2dataset(tmp_path: Path, write_rows: Write) -> None:
    images = tmp_path / "images"
    for name in (
        "00000/000000001.jpg",
        "00001/000010002.webp",
        "00001/000010003.png",
        "00001/000010003.jpg",
        "7.png",
    ):
        (images / name).parent.mkdir(exist_ok=True, parents=True)
        (images / name).write_text(name)
        (images / name).with_suffix(".txt").write_text("t")
    keys = ["000000001", "000010002", "000010003", "7", "000010004", "../x"]
    meta = tmp_path / "meta"
    meta.mkdir()
    write_rows(meta / "0.parquet", key=keys[:3], status=["success"] * 3)
    write_rows(meta / "1.parquet", key=keys[3:], status=["success", "failed_to_download", "success"])
    found = list(open_source(f"laion:{meta}:{images}"))
    assert [ref.read().decode() for ref in found] == [
        "00000/000000001.jpg",
        "00001/000010002.webp",
        "00001/000010003.jpg",
        "7.png",
        "",
        "",
    ]
    assert [ref.id for ref in found][2:4] == ["0.parquet#2", "1.parquet#0"]
    assert [ref.fault for ref in found[3:]] == [
        None,
        "img2dataset: failed_to_download",
        "key ../x leads out of the folder of images",
    ]


def test_metadata_of_urls_alone_is_refused(pictures: Path, tmp_path: Path, write_rows: Write) -> None:
    path = write_rows(tmp_path / "meta.parquet", URL=["u"], TEXT=["t"])
    with pytest.raises(SourceError, match="fetch the images with img2dataset"):
        open_source(f"laion:{path}:{pictures}")


@pytest.mark.parametrize(
    "rest", ["meta.parquet", "meta.parquet:gone", "gone:pictures", "meta.parquet:meta.parquet"]
)
def test_what_does_not_exist_is_refused(
    rest: str, pictures: Path, tmp_path: Path, write_rows: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "meta.parquet", path=["05.png"])
    with pytest.raises(SourceError, match=r"write laion:METADATA\.parquet:IMAGES"):
        open_source(f"laion:{rest}")


def test_colons_in_paths_are_no_trouble(pictures: Path, tmp_path: Path, write_rows: Write) -> None:
    pictures.rename(tmp_path / "a:b")
    path = write_rows(tmp_path / "m:n.parquet", path=["05.png"])
    assert len(open_source(f"laion:{path}:{tmp_path}/a:b")) == 1
