from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.errors import SettingsError, SourceError
from pytest_replication.index.importers.names import Numbered, ParquetNames, TextNames, open_names


def table(path: Path, /, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=3)
    return path


def test_rows_without_names_are_called_by_their_number(tmp_path: Path) -> None:
    (record,) = Numbered(tmp_path / "v.npy").records(7, 8)
    assert (record.id, record.uri) == ("v.npy#7", f"{tmp_path / 'v.npy'}#7")


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_list_has_a_name_a_line(tmp_path: Path, end: str, newline: str) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes((newline.join(["a.png", "b c.png", "é\u2028.png"]) + end).encode())
    names = TextNames(path)
    assert names.rows == 3
    assert [r.id for r in names.records(0, 3)] == ["a.png", "b c.png", "é\u2028.png"]
    assert [r.uri for r in names.records(1, 2)] == ["b c.png"]


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), min_size=1))
def test_any_list_comes_back(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    names = TextNames(path)
    assert [r.id for r in names.records(0, names.rows or 0)] == lines


def test_an_empty_line_counts_and_has_no_name(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("a\n\nb\n")
    assert TextNames(path).rows == 3
    assert [r.id for r in TextNames(path).records(0, 3)] == ["a", "", "b"]
    path.write_text("")
    assert TextNames(path).rows == 0


def test_a_list_that_is_not_utf_8_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes(b"a\n\xff\n")
    with pytest.raises(SourceError, match="names.txt, line 2, is not UTF-8"):
        TextNames(path).records(0, 2)
    with pytest.raises(SourceError, match="gone.txt cannot be read as a list"):
        TextNames(tmp_path / "gone.txt")


@pytest.mark.parametrize("column", ["id", "path", "image_path", "filename"])
def test_a_table_names_rows_in_one_of_four_columns(tmp_path: Path, column: str) -> None:
    names = ParquetNames(
        table(tmp_path / "n.parquet", **{column: [f"{i}.png" for i in range(8)], "other": [0] * 8})
    )
    assert names.rows == 8
    assert [r.id for r in names.records(2, 7)] == [f"{i}.png" for i in range(2, 7)]
    assert [r.uri for r in names.records(0, 1)] == ["0.png"]


def test_a_table_carries_captions_and_labels_and_tells_id_from_path(tmp_path: Path) -> None:
    path = table(tmp_path / "n.parquet", id=[7, 8], path=["/a", None], text=["a cat", None], label=[3, None])
    one, other = ParquetNames(path).records(0, 2)
    assert (one.id, one.uri, one.caption, one.label) == ("7", "/a", "a cat", "3")
    assert (other.id, other.uri, other.caption, other.label) == ("8", "8", None, None)
    assert one.sha256 is one.width is one.height is None


def test_a_row_takes_the_first_column_that_names_it(tmp_path: Path) -> None:
    path = table(tmp_path / "n.parquet", image_path=["a", None, ""], url=["u", "v", None])
    names = ParquetNames(path, ("image_path", "url"), ("url", "image_path"), spare="img_emb_4")
    assert [(r.id, r.uri) for r in names.records(0, 3)] == [
        ("a", "u"),
        ("v", "v"),
        ("img_emb_4#2", "img_emb_4#2"),
    ]


def test_a_table_without_names_needs_a_spare_one(tmp_path: Path) -> None:
    path = table(tmp_path / "n.parquet", similarity=[0.1, 0.2, 0.3, 0.4])
    with pytest.raises(SourceError, match="has none of the columns id, path, image_path, filename"):
        ParquetNames(path)
    assert [r.id for r in ParquetNames(path, spare="s").records(1, 4)] == ["s#1", "s#2", "s#3"]


@pytest.mark.parametrize("values", [[1.5], [b"x"], [True], [["x"]]])
def test_a_name_that_is_no_text_is_refused(tmp_path: Path, values: list[object]) -> None:
    with pytest.raises(SourceError, match="path of row 0 is a .*, expected text or a whole number"):
        ParquetNames(table(tmp_path / "n.parquet", path=values)).records(0, 1)


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "n.parquet", path=[f"{i}.png" for i in range(50)])
    names = ParquetNames(path)
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    with pytest.raises(SourceError, match="n.parquet is damaged"):
        names.records(0, 50)
    path.write_bytes(b"nothing")
    with pytest.raises(SourceError, match="n.parquet cannot be read as parquet"):
        ParquetNames(path)


def test_names_have_to_be_as_many_as_vectors(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("a\nb\n")
    assert open_names(path, Path("v.npy"), 2).rows == 2
    with pytest.raises(SourceError, match="names.txt names 2 rows, and v.npy has 3 vectors"):
        open_names(path, Path("v.npy"), 3)
    with pytest.raises(
        SettingsError, match="names.csv cannot be read as names: give a .txt list or a .parquet"
    ):
        open_names(tmp_path / "names.csv", Path("v.npy"), 3)
    assert open_names(table(tmp_path / "n.parquet", id=["a"]), Path("v.npy"), 1).rows == 1
    assert open_names(None, Path("v.npy"), 3).rows is None
