from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_replication import BuildOptions, build_index, cli, open_index
from pytest_replication.errors import (
    IndexCorrupt,
    IndexIncomplete,
    IndexNotFound,
    SettingsError,
    SourceError,
    TooManyRejected,
)
from pytest_replication.index.abandon import abandon_append
from pytest_replication.index.append import append_index
from pytest_replication.index.duplicates import store_duplicates
from pytest_replication.index.manifest_file import read_manifest, write_manifest
from pytest_replication.index.merge import merge_indexes
from pytest_replication.index.removed import remove_images
from pytest_replication.search.duplicates import find_duplicates

PIXELS = BuildOptions(embedder="pixels", shard_rows=5, batch_size=2)


@pytest.fixture
def index(pictures: Path, tmp_path: Path) -> Path:
    """An index with all that may be attached to one."""
    build_index(pictures, tmp_path / "index", PIXELS)
    remove_images(tmp_path / "index", ids=["03.png"])
    opened = open_index(tmp_path / "index")
    store_duplicates(opened, find_duplicates(opened, 0.95, progress=False))
    return tmp_path / "index"


@pytest.fixture
def more(unrelated: Path, tmp_path: Path) -> Path:
    """Images to be added, one of which cannot be read."""
    folder = Path(shutil.copytree(unrelated, tmp_path / "more"))
    (folder / "zz.png").write_bytes(b"")
    return folder


def content(index: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(index)): path.read_bytes()
        for path in index.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_an_append_that_is_given_up_leaves_the_index_as_it_was(index: Path, more: Path) -> None:
    before = content(index)
    with pytest.raises(
        TooManyRejected, match=r"give the append up with '.*append .*index --abandon', then app"
    ):
        append_index(index, more)
    with pytest.raises(IndexIncomplete, match="--max-rejected 1 accepts the gap; or give the append up with"):
        open_index(index)
    report = abandon_append(index)
    assert (report.source, report.dropped, report.rows) == (f"folder {more}", 12, 11)
    assert content(index) == before
    assert open_index(index).duplicates is not None
    (more / "zz.png").unlink()
    assert append_index(index, more).rows == 22


@pytest.mark.parametrize("added", [0, 1, 2])
def test_it_may_have_been_killed_anywhere(index: Path, unrelated: Path, added: int) -> None:
    before = content(index)
    shards = len(read_manifest(index).shards)
    append_index(index, unrelated)
    whole = read_manifest(index)
    sources = (whole.sources[0], replace(whole.sources[1], listed=None))
    cut = replace(whole, shards=whole.shards[: shards + added], sources=sources, complete=False)
    write_manifest(index, cut)
    assert abandon_append(index).dropped == 5 * added
    assert content(index) == before


def test_images_that_changed_meanwhile_are_told_how_to_go_on(index: Path, more: Path) -> None:
    with pytest.raises(TooManyRejected):
        append_index(index, more)
    (more / "zz.png").unlink()
    with pytest.raises(
        SourceError, match=r"has changed since the append began .*: give the append up with '"
    ):
        append_index(index, more)
    with pytest.raises(SourceError, match="waits for the rest of .*, or give the append up with"):
        append_index(index, [more / "aa.png"])


def test_an_old_image_that_changed_meanwhile(index: Path, pictures: Path) -> None:
    (pictures / "zz.png").write_bytes(b"")
    with pytest.raises(TooManyRejected):
        append_index(index, pictures)
    (pictures / "05.png").write_bytes((pictures / "06.png").read_bytes())
    with pytest.raises(SourceError, match=r"05\.png has changed .*--abandon', then '.* remove .*--source 0'"):
        append_index(index, pictures)


def test_damage_in_what_was_added_does_not_matter(index: Path, more: Path) -> None:
    before = content(index)
    with pytest.raises(TooManyRejected):
        append_index(index, more)
    shutil.rmtree(index / "shards" / "000004")
    with pytest.raises(IndexCorrupt, match="000004.*if it is of the images that are being added, give the"):
        append_index(index, more)
    abandon_append(index)
    assert content(index) == before


def test_there_has_to_be_an_append(index: Path, pictures: Path, unrelated: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is complete: there is no append"):
        abandon_append(index)
    with pytest.raises(IndexNotFound):
        abandon_append(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    build_index(unrelated, tmp_path / "b", PIXELS)
    merge_indexes([index, tmp_path / "b"], tmp_path / "ab")
    write_manifest(tmp_path / "ab", replace(read_manifest(tmp_path / "ab"), complete=False))
    write_manifest(index, replace(read_manifest(index), complete=False))
    for folder, verb in ((index, "build"), (tmp_path / "ab", "merge")):
        before = content(folder)
        with pytest.raises(
            IndexIncomplete, match=f"{verb} .* has not finished: give the same .* {verb}' again"
        ):
            abandon_append(folder)
        assert content(folder) == before


def test_the_command(index: Path, more: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["append", str(index), str(more)]) == 3
    assert cli.main(["append", str(index)]) == 2
    assert cli.main(["append", str(index), str(more), "--abandon"]) == 2
    capsys.readouterr()
    assert cli.main(["append", str(index), "--abandon", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == {"index": str(index), "source": f"folder {more}", "dropped": 12, "rows": 11}
    assert cli.main(["append", str(index), str(more)]) == 3
    assert cli.main(["append", str(index), "--abandon"]) == 0
    assert "11 training images, as before the append of folder" in capsys.readouterr().out
    assert cli.main(["append", str(index), "--abandon"]) == 2
