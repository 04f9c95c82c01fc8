from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_replication import BuildOptions, build_index, open_index
from pytest_replication.errors import BuildError, IndexUnavailable
from pytest_replication.index import layout
from pytest_replication.index.attachments import drop_attachments, write_attachment
from pytest_replication.index.foreign import refuse_foreign


@pytest.mark.parametrize(
    "name",
    [
        ".lock",
        ".manifest.json.new",
        ".manifest.json.0123456789abcdef.new",
        ".manifest.json.old",
        ".probe.npz.0123456789abcdef.new",
        "probe.npz",
        "removed-0123456789abcdef.parquet",
        "duplicates-0123456789abcdef.npy",
        ".removed-0123456789abcdef.parquet.new",
        ".duplicates-0123456789abcdef.npy.0123456789abcdef.new",
    ],
)
def test_what_a_killed_builder_leaves_is_not_foreign(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    (tmp_path / "shards").mkdir()
    (tmp_path / "engines").mkdir()
    refuse_foreign(tmp_path)  # does not
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["removed-photos.zip", "removed-0123456789abcdef", "duplicates.npy"])
def test_what_only_sounds_like_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(BuildError, match=f"holds {name} and no index"):
        refuse_foreign(tmp_path)
    drop_attachments(tmp_path, None)
    assert (tmp_path / name).exists()


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    refuse_foreign(tmp_path / "nothing yet")
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(BuildError, match="holds thesis.tex and no index: name a new or empty folder"):
        refuse_foreign(tmp_path)


@pytest.fixture
def full(damaged: Path) -> Path:
    """An index with all that one may hold, and a file of somebody else."""
    write_attachment(damaged, "removed", ".parquet", b"content", 1)
    write_attachment(damaged, "duplicates", ".npy", b"content", 1)
    (damaged / ".removed-0123456789abcdef.parquet.new").touch()
    (damaged / ".removed-0123456789abcdef.parquet.0123456789abcdef.new").touch()
    (damaged / "engines" / "int8" / "000000").mkdir(parents=True)
    (damaged / "engines" / "int8" / "000000" / "codes.npy").touch()
    (damaged / "notes-0123456789abcdef.txt").touch()
    return damaged


CLEARED = [".lock", ".manifest.json.old", "notes-0123456789abcdef.txt", "probe.npz", "shards"]


def test_clear_leaves_what_is_no_part_of_an_index(full: Path) -> None:
    layout.clear(full)
    assert sorted(path.name for path in full.iterdir()) == CLEARED
    assert list((full / "shards").iterdir()) == []


def test_clear_goes_on_wherever_it_was_killed(full: Path, tmp_path: Path) -> None:
    """After each of its steps in turn; the notes must not make the folder a foreign one."""
    for steps in itertools.count():
        index = Path(shutil.copytree(full, tmp_path / f"killed-{steps}"))
        with pytest.MonkeyPatch.context() as patch:
            left = iter(range(steps))
            for name in ("replace", "unlink", "rmdir"):
                patch.setattr(os, name, killed_when_none_is(left, getattr(os, name)))
            with contextlib.suppress(KeyboardInterrupt):
                layout.clear(index)
            finished = next(left, None) is not None
        refuse_foreign(index)
        layout.clear(index)
        assert sorted(path.name for path in index.iterdir()) == CLEARED
        assert list((index / "shards").iterdir()) == []
        if finished:
            break
    assert steps > 15


def killed_when_none_is(left: Iterator[int], real: Callable[..., None]) -> Callable[..., None]:
    def step(*args: Any, **options: Any) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        real(*args, **options)

    return step


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("steps", [1, 9, 17])
def test_a_build_goes_on_after_it(full: Path, training: Path, steps: int, overwrite: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        left = iter(range(steps))
        for name in ("replace", "unlink", "rmdir"):
            patch.setattr(os, name, killed_when_none_is(left, getattr(os, name)))
        with pytest.raises(KeyboardInterrupt):
            layout.clear(full)
    with pytest.raises(IndexUnavailable):
        open_index(full)
    options = BuildOptions(embedder="pixels", shard_rows=8, overwrite=overwrite)
    assert build_index(training, full, options).resumed == 0
    names = sorted(path.name for path in full.iterdir())
    names = [name for name in names if name != "engines"]  # with nothing but a lock
    assert names == [".lock", "manifest.json", "notes-0123456789abcdef.txt", "probe.npz", "shards"]
    assert open_index(full).rows == 20


def test_a_manifest_that_cannot_be_replaced(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(*args: object) -> None:
        raise PermissionError(13, "held by a scanner")

    monkeypatch.setattr(os, "replace", held)
    with pytest.raises(BuildError, match=r"manifest\.json cannot be replaced .*close what uses it"):
        layout.clear(full)
    assert open_index(full).rows == 20


def test_clear_leaves_a_folder_without_shards_alone(tmp_path: Path) -> None:
    (tmp_path / "removed-0123456789abcdef.parquet").touch()
    (tmp_path / "shards").mkdir()
    layout.clear(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["removed-0123456789abcdef.parquet", "shards"]


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
