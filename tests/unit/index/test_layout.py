from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication.errors import BuildError
from pytest_replication.index import layout
from pytest_replication.index.attachments import drop_attachments, write_attachment


@pytest.mark.parametrize("name", [".lock", ".manifest.json.new", ".probe.npz.new", "probe.npz"])
def test_what_a_killed_builder_leaves_is_not_foreign(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    (tmp_path / "shards").mkdir()
    layout.refuse_foreign(tmp_path)


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    layout.refuse_foreign(tmp_path / "nothing yet")
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(BuildError, match="holds thesis.tex and no index: name a new or empty folder"):
        layout.refuse_foreign(tmp_path)


def test_clear_leaves_what_is_no_part_of_an_index(damaged: Path) -> None:
    write_attachment(damaged, "removed", ".parquet", b"content", 1)
    (damaged / "engines").mkdir()
    mine = damaged / "notes-0123456789abcdef.txt"
    mine.touch()
    layout.clear(damaged)
    assert sorted(path.name for path in damaged.iterdir()) == [".lock", mine.name, "probe.npz", "shards"]
    assert list((damaged / "shards").iterdir()) == []


def test_clear_touches_no_folder_without_a_manifest(damaged: Path) -> None:
    (damaged / "manifest.json").unlink()
    layout.clear(damaged)
    assert list((damaged / "shards").iterdir()) != []


def test_a_shard_that_cannot_be_removed(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(*args: object) -> None:
        raise PermissionError(13, "held by a scanner")

    monkeypatch.setattr("shutil.rmtree", held)
    with pytest.raises(BuildError, match="000000 cannot be removed .*close what uses it"):
        layout.drop_shards(damaged, keep={"000001", "000002"})


def test_an_attachment_is_named_by_its_content(tmp_path: Path) -> None:
    first = write_attachment(tmp_path, "removed", ".parquet", b"content", 3)
    assert write_attachment(tmp_path, "removed", ".parquet", b"content", 3) == first
    assert write_attachment(tmp_path, "removed", ".parquet", b"other", 3).name != first.name
    assert (tmp_path / first.name).read_bytes() == b"content"
    assert (first.rows, first.file.bytes) == (3, 7)
    drop_attachments(tmp_path, None)
    assert list(tmp_path.iterdir()) == []


def test_an_attachment_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="cannot be written .*: free some space"):
        write_attachment(tmp_path / "nowhere", "removed", ".parquet", b"content", 3)
