"""Writers delete old files of an index: never anybody else's, and never anything behind a link."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_replication import BuildOptions, build_index, open_index
from pytest_replication.errors import (
    BuildError,
    CalibrationError,
    IndexCorrupt,
    SettingsError,
    SourceError,
)
from pytest_replication.index import layout
from pytest_replication.index.abandon import abandon_append
from pytest_replication.index.calibration_file import drop_calibration
from pytest_replication.index.compact import compact_index
from pytest_replication.index.foreign import refuse_foreign
from pytest_replication.index.imported import ImportOptions, import_index
from pytest_replication.index.journal import Journal
from pytest_replication.index.lock import engines_locked
from pytest_replication.index.manifest_file import read_manifest, write_manifest
from pytest_replication.index.merge import merge_indexes
from pytest_replication.index.removed import remove_images
from pytest_replication.search.codes import write_codes

PIXELS = BuildOptions(embedder="pixels", shard_rows=8)
ANEW = replace(PIXELS, overwrite=True)
BEGUN = ("removed-0123456789abcdef.parquet", "probe.npz", "shards/000000/embeddings.npy")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"mine")
    return folder


def test_a_folder_of_images_in_a_folder_called_shards_is_never_deleted(
    pictures: Path, tmp_path: Path
) -> None:
    data = fill(tmp_path / "data", "shards/val/moon.jpg")
    shutil.copytree(pictures, data / "shards" / "train")
    before = files(data)
    for options in (PIXELS, ANEW):
        with pytest.raises(SourceError, match=r"train lies inside .*data, where the index goes"):
            build_index(data / "shards" / "train", data, options)
        with pytest.raises(BuildError, match=r"holds shards.train and no index"):
            build_index(pictures, data, options)
    assert files(data) == before


@pytest.mark.parametrize(
    "source",
    [
        "{0}/photos",
        "folder:{0}/photos",
        "webdataset:{0}/photos/{{00..11}}.tar",
        "{0}/photos/*.parquet",
        ["{0}/photos/a.png", "{0}/photos/b.png"],
    ],
)
def test_no_source_lies_in_the_folder_of_its_index(tmp_path: Path, source: str | list[str]) -> None:
    data = fill(tmp_path, "photos/a.png")
    given = source.format(data) if isinstance(source, str) else [each.format(data) for each in source]
    with pytest.raises(SourceError, match=r"photos.* lies inside .*, where the index goes"):
        build_index(given, data, PIXELS)
    assert files(data) == ["photos/a.png"]


def test_an_index_may_lie_beside_listed_files_and_among_parts_of_names(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert build_index(sorted(pictures.iterdir()), pictures / "index", PIXELS).rows == 12
    Path("out").mkdir()
    monkeypatch.chdir("out")
    assert (
        build_index("folder:../pictures", ".", PIXELS).listed == 12
    )  # "folder" is a kind, and no place here


def test_what_is_merged_or_imported_does_not_lie_there_either(damaged: Path, tmp_path: Path) -> None:
    second = Path(shutil.copytree(damaged, damaged / "second"))
    third = Path(shutil.copytree(damaged / "shards" / "000000", tmp_path / "third"))
    with pytest.raises(SourceError, match="second lies inside"):
        merge_indexes([second, shutil.copytree(second, tmp_path / "more")], damaged, overwrite=True)
    with pytest.raises(SourceError, match="000000 lies inside"):
        import_index(f"clip-retrieval:{damaged}/shards/000000", damaged, ImportOptions("pixels"))
    assert files(third) == files(damaged / "shards" / "000000")


@pytest.mark.parametrize(
    "strange",
    ["shards/000000/photo.jpg", "shards/000000/deep/embeddings.npy", "engines/a.txt", "engines/annoy/a.txt"],
)
def test_a_beginning_that_holds_anything_else_is_refused(tmp_path: Path, strange: str) -> None:
    fill(tmp_path, *BEGUN)
    refuse_foreign(tmp_path)  # does not
    fill(tmp_path, strange)
    with pytest.raises(BuildError, match="holds .* and no index: name a new or empty folder"):
        refuse_foreign(tmp_path)


@pytest.mark.parametrize("name", ["probe.npz", "manifest.json", "engines/annoy/engine.json"])
def test_no_beginning_is_without_shards(tmp_path: Path, name: str) -> None:
    with pytest.raises(BuildError, match="and no index"):
        refuse_foreign(fill(tmp_path, name))


@pytest.mark.parametrize("options", [PIXELS, ANEW])
def test_a_manifest_of_another_program_is_not_replaced(
    pictures: Path, tmp_path: Path, options: BuildOptions
) -> None:
    fill(tmp_path / "app", "shards/000000/records.parquet")
    (tmp_path / "app" / "manifest.json").write_text(json.dumps({"name": "my app", "format": 2}))
    with pytest.raises(BuildError, match=r"holds manifest\.json and no index"):
        build_index(pictures, tmp_path / "app", options)
    assert files(tmp_path / "app") == ["manifest.json", "shards/000000/records.parquet"]


def test_a_manifest_that_was_cut_off_is_replaced(training: Path, damaged: Path) -> None:
    whole = (damaged / "manifest.json").read_text()
    (damaged / "manifest.json").write_text(whole[: len(whole) // 2])
    with pytest.raises(IndexCorrupt, match="--overwrite"):
        build_index(training, damaged, PIXELS)
    assert build_index(training, damaged, ANEW).rows == 20


def test_shards_that_lost_their_manifest_are_deleted_only_on_demand(training: Path, damaged: Path) -> None:
    (damaged / "manifest.json").rename(damaged.parent / "kept.json")
    before = files(damaged)
    with pytest.raises(IndexCorrupt, match="is missing although there are shards beside it"):
        build_index(training, damaged, PIXELS)
    assert files(damaged) == before
    (damaged.parent / "kept.json").rename(damaged / "manifest.json")
    assert open_index(damaged).rows == 20
    (damaged / "manifest.json").unlink()
    assert build_index(training, damaged, ANEW).resumed == 0


def test_folders_among_the_shards_of_an_index_that_are_none_stay(training: Path, damaged: Path) -> None:
    fill(damaged, "shards/train/a.jpg", "shards/notes.txt", "shards/000009/embeddings.npy", "mine/a.jpg")
    build_index(training, damaged, ANEW)
    there = {path.name for path in (damaged / "shards").iterdir()}
    assert there == {"000000", "000001", "000002", "train", "notes.txt"}
    assert (damaged / "shards" / "train" / "a.jpg").exists()
    assert (damaged / "mine" / "a.jpg").exists()


CHANGES: dict[str, Callable[[Path, Path], Any]] = {
    "remove": lambda index, _: remove_images(index, sha256=["ab" * 32]),
    "calibrate --drop": lambda index, _: drop_calibration(index),
    "compact": lambda index, _: compact_index(index),
    "overwrite": lambda index, training: build_index(training, index, ANEW),
    "codes": lambda index, _: write_codes(open_index(index), progress=False),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "strange", ["shards/000009/thesis.txt", "shards/.handed/thesis.txt", "engines/annoy/thesis.txt"]
)
def test_no_change_deletes_what_lies_in_a_folder_of_an_index(
    training: Path, damaged: Path, change: str, strange: str
) -> None:
    fill(damaged, strange)
    with pytest.raises(BuildError, match=r"thesis\.txt is no part of an index, .*: move it out of there"):
        CHANGES[change](damaged, training)
    assert (damaged / strange).exists()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "link",
    ["shards", "engines", "engines/annoy", "engines/int8", "shards/000009", "shards/more", "shards/.handed"],
)
def test_no_change_goes_through_a_link(
    training: Path, damaged: Path, tmp_path: Path, change: str, link: str
) -> None:
    victim = fill(tmp_path / "victim", "documents/thesis.txt", "thesis.txt", "000000/codes.npy")
    fill(victim, "embeddings.npy", "engine.json")
    if link == "shards":
        shutil.copytree(damaged / "shards", victim, dirs_exist_ok=True)
        shutil.rmtree(damaged / "shards")
    before = files(victim)
    (damaged / link).parent.mkdir(exist_ok=True)
    (damaged / link).symlink_to(victim, target_is_directory=True)
    with pytest.raises(BuildError, match=f"{link} is a link, .*put a copy in the place of the link"):
        CHANGES[change](damaged, training)
    assert files(victim) == before


@pytest.mark.parametrize("link", [".lock", "manifest.json", "calibration-0123456789abcdef.json", "probe.npz"])
def test_nothing_is_written_through_a_file_that_is_a_link(damaged: Path, tmp_path: Path, link: str) -> None:
    victim = tmp_path / "victim"
    if (damaged / link).exists():
        (damaged / link).rename(victim)
    victim.touch()
    before = victim.read_bytes()
    (damaged / link).symlink_to(victim)
    with pytest.raises(BuildError, match="is a link"):
        drop_calibration(damaged)
    assert victim.read_bytes() == before


def test_engines_are_not_locked_through_a_link(damaged: Path, tmp_path: Path) -> None:
    (damaged / "engines").mkdir()
    (tmp_path / "victim").write_text("mine")
    (damaged / "engines" / ".lock").symlink_to(tmp_path / "victim")
    with pytest.raises(BuildError, match="is a link"), engines_locked(damaged):
        pass
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_journal_is_not_written_through_a_link(tmp_path: Path) -> None:
    Journal(tmp_path, "job").read()
    (path,) = (Journal(tmp_path, "job")._lines._path,)
    path.symlink_to(tmp_path / "victim")
    with pytest.raises(CalibrationError, match="is a link"):
        Journal(tmp_path, "job").read()
    assert not (tmp_path / "victim").exists()


def test_an_index_may_be_reached_by_a_link(damaged: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(damaged)
    with pytest.raises(SettingsError, match="has no training image of sha256"):
        remove_images(tmp_path / "latest", sha256=["ab" * 32])


def test_nothing_is_deleted_before_what_the_manifest_names_was_found(damaged: Path) -> None:
    """As after a manifest of another day was put back: what it does not name may be the index."""
    manifest = read_manifest(damaged)
    write_manifest(damaged, replace(manifest, shards=(replace(manifest.shards[0], name="000009"),) * 3))
    before = files(damaged)
    for change in (lambda: drop_calibration(damaged), lambda: compact_index(damaged)):
        with pytest.raises(IndexCorrupt, match="000009.* is missing"):
            change()
    assert files(damaged) == before


def test_an_append_is_not_given_up_where_shards_of_the_rest_are_missing(damaged: Path) -> None:
    manifest = read_manifest(damaged)
    sources = (*manifest.sources, replace(manifest.sources[0], listed=None))
    write_manifest(damaged, replace(manifest, sources=sources, complete=False))
    (damaged / "shards" / "000001").rename(damaged / "shards" / "000009")
    before = files(damaged)
    with pytest.raises(IndexCorrupt, match="000001.* is missing"):
        abandon_append(damaged)
    assert files(damaged) == before


def test_only_what_is_named_and_filled_as_a_shard_is_one(tmp_path: Path) -> None:
    shard = fill(tmp_path / "000001", "embeddings.npy", ".DS_Store")
    layout.drop_shard(fill(shard, "features.npy"))
    assert not shard.exists()
    layout.drop_shard(shard)  # it is not there
    (tmp_path / "000002").symlink_to(fill(tmp_path / "mine", "embeddings.npy"))
    with pytest.raises(BuildError, match="is no part of an index"):
        layout.drop_shard(tmp_path / "000002")
    assert files(tmp_path / "mine") == ["embeddings.npy"]


@pytest.mark.parametrize(
    "name", ["shards/000000/._embeddings.npy", "shards/000000/.nfs0000a1", "shards/._x", "._x"]
)
def test_what_systems_put_beside_files_hinders_no_change(damaged: Path, name: str) -> None:
    (damaged / name).write_bytes(b"made by a system")
    remove_images(damaged, ids=["cat.jpg"])
    assert len(open_index(damaged).removed) == 1
