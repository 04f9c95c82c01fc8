from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_replication.errors import SourceError
from pytest_replication.images import read as read_module
from pytest_replication.images.decode import UndecodableImage, decode
from pytest_replication.images.sources import Source, open_source
from pytest_replication.images.sources import tables as tables_module
from pytest_replication.images.sources.tables import Table

Write = Callable[..., Path]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def ids(source: Source) -> list[str]:
    return [ref.id for ref in source]


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


def test_nested_parquet_files_are_part_of_the_set(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "more").mkdir(parents=True)
    write_parquet(folder / "a.parquet", [None])
    write_parquet(folder / "more" / "b.parquet", [None, None])
    assert ids(open_source(folder)) == ["a.parquet#0", "more/b.parquet#0", "more/b.parquet#1"]


def test_parquet_that_is_damaged_inside_is_an_error(pictures: Path, tmp_path: Path) -> None:
    rows = [{"bytes": (pictures / f"{i:02d}.png").read_bytes(), "path": None} for i in range(12)]
    path = tmp_path / "t.parquet"
    write_parquet(path, rows)
    content = bytearray(path.read_bytes())
    content[4:60] = bytes(56)  # the header of the first page
    path.write_bytes(content)
    with pytest.raises(SourceError, match="t.parquet is damaged"):
        list(open_source(path))


def test_parquet_beside_images_is_ambiguous(pictures: Path) -> None:
    write_parquet(pictures / "t.parquet", [None])
    with pytest.raises(SourceError, match="parquet files and other files"):
        open_source(pictures)


def test_a_row_without_bytes_says_so(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", [None], text=["t"])
    (ref,) = open_source(tmp_path / "t.parquet")
    assert (ref.fault, ref.caption) == ("the row holds no image bytes", "t")


@pytest.mark.parametrize("column", ["image", "jpg", "png", "webp"])
def test_a_binary_column_is_read(column: str, tmp_path: Path, write_rows: Write) -> None:
    path = write_rows(tmp_path / "t.parquet", **{column: [b"a", b"b"], "caption": ["x", None]})
    found = list(open_source(path))
    assert [(ref.id, ref.read(), ref.caption) for ref in found] == [
        ("t.parquet#0", b"a", "x"),
        ("t.parquet#1", b"b", None),
    ]


def test_failed_downloads_of_img2dataset_are_listed_with_their_reason(
    tmp_path: Path, write_rows: Write
) -> None:
    path = write_rows(
        tmp_path / "00000.parquet",
        key=["000000000", "000000001", "000000002"],
        status=["success", "failed_to_download", "success"],
        error_message=[None, "HTTP Error 404", None],
        jpg=[b"a", None, None],
    )
    found = list(open_source(path))
    assert [ref.fault for ref in found] == [
        None,
        "img2dataset: failed_to_download: HTTP Error 404",
        "the row holds no image bytes",
    ]
    assert found[0].uri == f"{path}#0/000000000"


def test_a_status_of_another_kind_of_table_means_nothing(tmp_path: Path, write_rows: Write) -> None:
    path = write_rows(tmp_path / "t.parquet", jpg=[b"a"], status=["draft"])
    assert [ref.fault for ref in open_source(path)] == [None]


def test_several_image_columns_are_all_listed(tmp_path: Path) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array([{"bytes": b"x", "path": None}] * 2, kind)
    pq.write_table(pa.table({"image": column, "target": column}), tmp_path / "t.parquet")
    source = open_source(tmp_path / "t.parquet")
    assert len(source) == 4
    assert ids(source) == [f"t.parquet#{row}/{name}" for row in (0, 1) for name in ("image", "target")]


def test_sound_is_no_image(tmp_path: Path) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array([{"bytes": b"x", "path": None}], kind)
    features = {"sound": {"_type": "Audio"}, "image": {"_type": "Image"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"sound": column, "image": column}).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "t.parquet")
    assert ids(open_source(tmp_path / "t.parquet")) == ["t.parquet#0"]


def test_lists_of_images_are_refused(tmp_path: Path) -> None:
    kind = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    pq.write_table(pa.table({"images": pa.array([[]], kind)}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match="lists of images in its column images"):
        open_source(tmp_path / "t.parquet")


def test_values_that_a_dictionary_repeats_do_not_fill_the_memory(tmp_path: Path) -> None:
    image = pa.array([{"bytes": bytes(4 << 20), "path": "a"}] * 64, IMAGE)
    pq.write_table(pa.table({"image": image}), tmp_path / "t.parquet", compression="zstd")
    del image
    assert (tmp_path / "t.parquet").stat().st_size < 4000
    before, count, most = pa.total_allocated_bytes(), 0, 0
    for ref in open_source(tmp_path / "t.parquet"):
        most = max(most, pa.total_allocated_bytes() - before)
        assert len(ref.read()) == 4 << 20
        count += 1
    assert count == 64
    assert most < 48 << 20


def test_a_page_that_would_fill_the_memory_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables_module, "_PAGE", 1 << 20)
    path = tmp_path / "t.parquet"
    for dictionary in (True, False):
        table = pa.table({"text": ["t"], "jpg": pa.array([bytes(3 << 20)], pa.binary())})
        pq.write_table(table, path, compression="zstd", use_dictionary=dictionary)
        with pytest.raises(
            SourceError, match=r"bytes of its column jpg unpack to 3,145,7\d\d; write it again"
        ):
            list(open_source(path))
    noise = np.random.default_rng(0).bytes(3 << 20)
    pq.write_table(pa.table({"jpg": pa.array([noise], pa.binary())}), path, compression="zstd")
    assert [ref.read() for ref in open_source(path)] == [noise]


def test_a_value_that_no_image_is_as_large_as_is_a_fault(
    tmp_path: Path, write_rows: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_module, "MAX_BYTES", 5)
    path = write_rows(tmp_path / "t.parquet", jpg=[b"a", b"a" * 6, b"a" * 5], text=["x", "y", "z"])
    found = list(open_source(path))
    assert [ref.fault for ref in found] == [None, "6 bytes are more than 5", None]
    assert (found[1].read(), found[1].caption) == (b"", "y")


def test_row_groups_of_different_pages_keep_their_order(
    tmp_path: Path, write_rows: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables_module, "_HELD", 4000)
    rows = [bytes([number]) * (10 + 900 * (number % 7)) for number in range(150)]
    table = pa.table({"jpg": pa.array(rows, pa.binary())})
    for size in (1, 40, 64, 150):
        pq.write_table(table, tmp_path / "t.parquet", row_group_size=size)
        assert [ref.read() for ref in open_source(tmp_path / "t.parquet")] == rows


def test_lists_are_not_read(tmp_path: Path) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string()), ("boxes", pa.list_(pa.int64()))])
    image = pa.array([{"bytes": b"x", "path": "a", "boxes": [1, 2]}], kind)
    columns = {"image": image, "text": [["a", "b"]], "caption": ["c"], "label": [[1]]}
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns | {"key": [["k"]], "status": ["failed"]}), path)
    (ref,) = open_source(path)
    assert (ref.read(), ref.caption, ref.label, ref.fault) == (b"x", "c", None, None)
    wide = pa.array([None], pa.binary(1 << 20))  # each null takes as much
    pq.write_table(pa.table({"image": image, "text": wide}), path)
    assert [ref.caption for ref in open_source(path)] == [None]


@pytest.mark.parametrize("kind", [pa.list_(pa.binary()), pa.int64(), pa.binary(3)])
def test_bytes_of_another_type_are_no_images(kind: pa.DataType, tmp_path: Path) -> None:
    image = pa.array([None], pa.struct([("bytes", kind), ("path", pa.string())]))
    pq.write_table(pa.table({"image": image}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match="has no column image"):
        open_source(tmp_path / "t.parquet")


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([b"a"]), pa.array([b"b"])], names=["jpg", "jpg"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(SourceError, match="has several columns jpg"):
        list(open_source(tmp_path / "t.parquet"))


def test_a_file_that_gives_fewer_rows_than_it_names_is_refused(tmp_path: Path, write_rows: Write) -> None:
    table = Table.open(write_rows(tmp_path / "t.parquet", jpg=[b"a"] * 3))
    with pytest.raises(SourceError, match="gave 3 of 4 rows"):
        list(Table(table.path, table.schema, 4).rows(["jpg"]))


def test_captions_that_are_not_text_are_refused(tmp_path: Path, write_rows: Write) -> None:
    path = write_rows(tmp_path / "t.parquet", jpg=[b"a"], text=["caption"])
    path.write_bytes(path.read_bytes().replace(b"caption", b"capti\xffn"))
    with pytest.raises(SourceError, match="t.parquet is damaged: .*utf-8"):
        list(open_source(path))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.floats(0, 1),
    size=st.sampled_from([4, 64, 512, 4096]),
    mode=st.sampled_from(["zeros", "cut out", "cut off"]),
    compression=st.sampled_from(["none", "snappy", "zstd"]),
    checksums=st.booleans(),
)
def test_damage_is_one_sentence_or_rejected_rows(
    start: float, size: int, mode: str, compression: str, checksums: bool, pictures: Path, tmp_path: Path
) -> None:
    images = [file.read_bytes() for file in sorted(pictures.iterdir())]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    path = tmp_path / "t.parquet"
    rows = pa.array([{"bytes": data, "path": None} for data in images], kind)
    table = pa.table({"image": rows})
    pq.write_table(table, path, compression=compression, row_group_size=5, write_page_checksum=checksums)
    whole = path.read_bytes()
    at = int(start * (len(whole) - 1))
    inside = {"zeros": bytes(min(size, len(whole) - at)), "cut out": b"", "cut off": b""}[mode]
    path.write_bytes(whole[:at] + inside + (b"" if mode == "cut off" else whole[at + size :]))
    try:
        found = list(open_source(path))
    except SourceError as error:
        message = str(error)
    else:
        message = ""
        assert len(found) == len(images)  # no row is passed over
        readable = [ref.read() for ref in found if ref.fault is None and _readable(ref.read())]
        # Without checksums an image that was damaged may still be one, another than before.
        assert readable == images or len(readable) < len(images) or not checksums
    assert "\n" not in message


def _readable(data: bytes) -> bool:
    try:
        decode(data)
    except UndecodableImage:
        return False
    return True
