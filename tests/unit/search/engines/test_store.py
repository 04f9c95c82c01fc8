from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from pytest_replication import Index, open_index
from pytest_replication.errors import BuildError, IndexCorrupt, IndexLocked, SearchError, SettingsError
from pytest_replication.index.compact import compact_index
from pytest_replication.index.entries import SourceEntry
from pytest_replication.index.removed import remove_images
from pytest_replication.index.shard import Record
from pytest_replication.index.writer import IndexWriter
from pytest_replication.search.engines import (
    Certificate,
    Engine,
    add_certificate,
    build_engine,
    built_engines,
    certify,
    open_engine,
    read_entry,
    store,
)

Unit = Callable[..., np.ndarray]
MakeIndex = Callable[..., Index]


@pytest.fixture
def built(index: Index, toy: type[Engine]) -> Index:
    build_engine(index, "toy", progress=False)
    return index


@pytest.fixture
def folder(built: Index) -> Path:
    return built.path / "engines" / "toy"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def certified(index: Index, threshold: float = 0.9, k: int = 3) -> Certificate:
    engine = open_engine(index, "toy")
    engine.effort = 8
    found = certify(index, engine, threshold, k=k, progress=False)
    assert isinstance(found, Certificate)
    return found


def test_what_is_built_is_described_and_opens(index: Index, toy: type[Engine], unit: Unit) -> None:
    entry = build_engine(index, "toy", progress=False)
    assert (entry.engine, entry.library, entry.dim, entry.views, entry.vectors) == (
        "toy",
        "toy 1",
        12,
        2,
        120,
    )
    assert (entry.metric, entry.effort, entry.certificates) == ("cosine", 1, ())
    assert list(entry.files) == ["vectors.npy"]
    folder = index.path / "engines" / "toy"
    assert entry.files["vectors.npy"].bytes == (folder / "vectors.npy").stat().st_size
    assert names(folder) == ["engine.json", "vectors.npy"]
    assert names(index.path / "engines") == [".lock", "toy"]
    assert read_entry(index, "toy") == entry
    engine = open_engine(index, "toy")
    engine.effort = 8
    assert engine.entry == entry
    stored = np.concatenate([shard.embeddings()[0] for shard in index.shards]).reshape(120, 12)
    assert engine.candidates(stored, 1)[:, 0].tolist() == list(range(120))


def test_an_older_one_is_replaced_with_its_certificates(
    built: Index, toy: type[Engine], folder: Path
) -> None:
    add_certificate(built, certified(built))
    (folder / "older.npy").touch()
    entry = build_engine(built, "toy", progress=False)
    assert entry.certificates == ()
    assert names(folder) == ["engine.json", "vectors.npy"]
    assert open_engine(built, "toy").entry == entry


def test_a_build_that_fails_keeps_the_older_one(
    built: Index, toy: type[Engine], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(index: Index, folder: Path, *, progress: bool) -> Any:
        (folder / "vectors.npy").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    before = read_entry(built, "toy")
    monkeypatch.setattr(toy, "build", full)
    with pytest.raises(BuildError, match="No space left on device.*free some space"):
        build_engine(built, "toy", progress=False)
    assert open_engine(built, "toy").entry == before
    assert names(folder.parent) == [".lock", "toy"]


def test_a_rename_that_fails_puts_the_older_one_back(built: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    before, rename = read_entry(built, "toy"), Path.rename

    def refused(self: Path, target: Path) -> Path:
        if self.name == ".new-toy":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(BuildError, match="Permission denied"):
        build_engine(built, "toy", progress=False)
    assert open_engine(built, "toy").entry == before


def while_it_is_built(toy: type[Engine], patch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> None:
    build = toy.build

    def meanwhile(index: Index, folder: Path, *, progress: bool) -> Any:
        made = build(index, folder, progress=progress)
        happens()
        return made

    patch.setattr(toy, "build", meanwhile)


@pytest.mark.parametrize("change", ["append", "overwrite"])
def test_an_engine_of_an_index_that_changed_meanwhile_is_not_kept(
    built: Index, toy: type[Engine], unit: Unit, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    def happens() -> None:
        if change == "overwrite":
            (built.path / "manifest.json").unlink()
            return
        with IndexWriter(built.path) as writer:
            writer.edit()
            writer.add_source(SourceEntry("y", 1))
            writer.add_shard(unit(9, 1, 2, 12), [Record("n", "/n", "s", 1, 1)], [], "listing")
            writer.finish(1, 0)

    before = read_entry(built, "toy")
    while_it_is_built(toy, monkeypatch, happens)
    for _ in range(2):  # and it is told at once the next time
        with pytest.raises(BuildError, match="has changed since it was opened to build its toy engine"):
            build_engine(built, "toy", progress=False)
        monkeypatch.setattr(toy, "build", lambda *args, **kwargs: pytest.fail("it was built"))
    assert open_engine(built, "toy").entry == before
    assert names(built.path / "engines") == [".lock", "toy"]


def test_compacting_while_an_engine_is_built_leaves_no_vector_of_a_removed_image(
    index: Index, toy: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_images(index.path, ids=["0-3"])
    removed = np.array(index.shards[0].embeddings()[0][3, 0])
    refused = []

    def happens() -> None:
        with pytest.raises(IndexLocked, match="another process works on the engines") as caught:
            compact_index(index.path)
        refused.append(caught)
        assert open_index(index.path).manifest.hidden == 1

    opened = open_index(index.path)
    while_it_is_built(toy, monkeypatch, happens)
    build_engine(opened, "toy", progress=False)
    assert len(refused) == 1
    compact_index(index.path)
    with pytest.raises(BuildError, match="has changed since it was opened"):
        build_engine(opened, "toy", progress=False)
    left = [
        path for path in index.path.rglob("*") if path.is_file() and removed.tobytes() in path.read_bytes()
    ]
    assert left == []


def test_an_index_is_not_replaced_while_its_engine_is_built(
    index: Index, toy: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def happens() -> None:
        with IndexWriter(index.path) as writer:
            with pytest.raises(IndexLocked, match="another process works on the engines"):
                writer.clear()

    while_it_is_built(toy, monkeypatch, happens)
    build_engine(index, "toy", progress=False)
    assert open_engine(open_index(index.path), "toy").entry.vectors == 120
    with IndexWriter(index.path) as writer:
        writer.clear()
    assert names(index.path / "engines") == [".lock"]


KILLED = """
import os, signal, sys
from pathlib import Path
from pytest_replication import open_index
from pytest_replication.search.engines import build_engine, files, store
step = sys.argv[2]
def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
if step == "while it is written":
    store.write_entry = die
elif step == "before it is in place":
    store.put_in_place = die
else:
    rename = Path.rename
    Path.rename = lambda self, target: die() if self.name.startswith(".new-") else rename(self, target)
build_engine(open_index(sys.argv[1]), "faiss-ivf", progress=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("step", ["while it is written", "before it is in place", "between two renames"])
def test_a_killed_build_leaves_nothing_that_opens(index: Index, step: str) -> None:
    pytest.importorskip("faiss")
    if step == "between two renames":
        build_engine(index, "faiss-ivf", progress=False)
    done = subprocess.run([sys.executable, "-c", KILLED, str(index.path), step])
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(
        SearchError, match="has no faiss-ivf engine: build it with 'pytest-replication engine"
    ):
        open_engine(index, "faiss-ivf")
    assert built_engines(index) == []
    build_engine(index, "faiss-ivf", progress=False)
    assert built_engines(index) == ["faiss-ivf"]
    assert names(index.path / "engines") == [".lock", "faiss-ivf"]


def test_a_second_builder_is_told_to_wait(built: Index) -> None:
    with FileLock(built.path / "engines" / ".lock"):
        with pytest.raises(IndexLocked, match="another process works on the engines"):
            build_engine(built, "toy", progress=False)
    build_engine(built, "toy", progress=False)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs folders that refuse")
def test_an_index_that_cannot_be_written_is_told(index: Index, toy: type[Engine]) -> None:
    index.path.chmod(0o555)
    try:
        with pytest.raises(BuildError, match="engines lie beside their index"):
            build_engine(index, "toy", progress=False)
    finally:
        index.path.chmod(0o755)


def test_a_file_in_the_place_of_the_folder_is_told(index: Index, toy: type[Engine]) -> None:
    (index.path / "engines").touch()
    with pytest.raises(BuildError, match="engines lie beside their index"):
        build_engine(index, "toy", progress=False)
    with pytest.raises(SearchError, match="is damaged"):
        open_engine(index, "toy")


def test_nothing_is_built_from_damaged_vectors(index: Index, toy: type[Engine]) -> None:
    path = index.shards[2].embeddings_path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IndexCorrupt, match="its checksum differs"):
        build_engine(index, "toy", progress=False)
    assert not (index.path / "engines").exists()


def test_nothing_is_built_with_a_library_that_is_wrong(index: Index, toy: type[Engine]) -> None:
    toy.wrong = True  # type: ignore[attr-defined]
    with pytest.raises(SearchError, match="finds other than the nearest"):
        build_engine(index, "toy", progress=False)


def test_nor_is_one_opened(built: Index, toy: type[Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_replication.search.engines.selftest._proved", set())
    toy.wrong = True  # type: ignore[attr-defined]
    with pytest.raises(SearchError, match="finds other than the nearest"):
        open_engine(built, "toy")


def test_an_engine_that_is_not_there_is_told_with_the_way_to_it(index: Index, toy: type[Engine]) -> None:
    told = f"{index.path} has no toy engine: build it with 'pytest-replication engine {index.path} toy'"
    for ask in (open_engine, read_entry):
        with pytest.raises(SearchError, match=told):
            ask(index, "toy")
    with pytest.raises(SettingsError, match="there is no engine 'nope'"):
        open_engine(index, "nope")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "flipped bit": (lambda f: flip(f / "vectors.npy"), "has changed since it was written"),
    "cut": (lambda f: os.truncate(f / "vectors.npy", 4000), "has 4000 bytes, expected"),
    "missing": (lambda f: (f / "vectors.npy").unlink(), "lacks vectors.npy"),
    "more": (lambda f: (f / "more.npy").touch(), "also holds more.npy"),
    "a folder": (
        lambda f: ((f / "vectors.npy").unlink(), (f / "vectors.npy").mkdir()),
        "vectors.npy has .* bytes|cannot be read",
    ),
    "a dead link": (
        lambda f: ((f / "vectors.npy").unlink(), (f / "vectors.npy").symlink_to("nowhere")),
        "cannot be read",
    ),
    "no json": (lambda f: (f / "engine.json").write_text("{"), "engine.json is damaged"),
    "no text": (lambda f: (f / "engine.json").write_bytes(b"\xff"), "engine.json is damaged"),
    "flipped in json": (lambda f: flip(f / "engine.json"), "engine.json is damaged"),
    "a folder as json": (
        lambda f: ((f / "engine.json").unlink(), (f / "engine.json").mkdir()),
        "engine.json is damaged",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found_before_the_loader_sees_it(
    built: Index, toy: type[Engine], folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    damage, told = DAMAGE[kind]
    damage(folder)
    monkeypatch.setattr(toy, "open", lambda folder, entry: pytest.fail("it was loaded"))
    with pytest.raises(SearchError, match=told) as caught:
        open_engine(built, "toy")
    assert f"build it with 'pytest-replication engine {built.path} toy' and the --threshold" in str(
        caught.value
    )


def test_an_entry_that_does_not_fit_its_files_is_told(
    built: Index, toy: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path, entry: Any) -> Engine:
        raise KeyError("flavour")

    monkeypatch.setattr(toy, "open", broken)
    with pytest.raises(SearchError, match="does not fit the files beside it"):
        open_engine(built, "toy")


def test_another_version_of_the_library_is_refused(
    built: Index, toy: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy, "version", "toy 2")
    with pytest.raises(SearchError, match="was made by toy 1, here is toy 2: build it"):
        open_engine(built, "toy")


@pytest.mark.parametrize(("rows", "views", "dim"), [(60, 2, 12), (61, 2, 12), (60, 1, 12), (60, 2, 13)])
def test_the_engine_of_another_index_is_refused(
    built: Index, tmp_path: Path, made_up_index: MakeIndex, unit: Unit, rows: int, views: int, dim: int
) -> None:
    other = made_up_index(tmp_path / "other", unit(99, rows, views, dim))
    shutil.copytree(built.path / "engines", other.path / "engines")
    for ask in (open_engine, read_entry):
        with pytest.raises(SearchError, match="is for other vectors than .* holds now"):
            ask(other, "toy")


def test_rows_that_are_taken_out_leave_it_in_force(built: Index, folder: Path) -> None:
    """What else the manifest says, it may say: only shards count."""
    manifest = replace(built.manifest, created="later", writer="another", thumbnails=3)
    assert open_engine(Index(built.path, manifest, None, "auto"), "toy").entry.vectors == 120


def test_a_certificate_is_kept_and_found(built: Index) -> None:
    found = certified(built)
    entry = add_certificate(built, found)
    assert entry.certificates == (found,)
    assert read_entry(built, "toy") == entry == open_engine(built, "toy").entry
    assert read_entry(built, "toy").certificate_for(0.9, 0.999, 3) == found
    assert read_entry(built, "toy").certificate_for(0.9, 0.99, 50) == found
    assert read_entry(built, "toy").certificate_for(0.8, 0.999, 3) is None
    assert read_entry(built, "toy").certificate_for(0.9, 0.9999, 3) is None
    assert read_entry(built, "toy").certificate_for(0.9, 0.999, 2) is None
    assert read_entry(built, "toy").certificate_for(0.9, 0.999, 3, confidence=0.99) is None


def test_the_certificate_with_the_least_effort_is_taken(built: Index) -> None:
    found = certified(built)
    for effort, k in ((8, 3), (4, 20), (2, 50)):
        add_certificate(built, replace(found, effort=effort, k=k))
    efforts = [read_entry(built, "toy").certificate_for(0.9, 0.999, k) for k in (3, 20, 49, 50)]
    assert [one.effort for one in efforts if one] == [8, 4, 4, 2]


@pytest.mark.parametrize(
    "changes",
    [
        {"generation": "other"},
        {"library": "toy 2"},
        {"files": "other"},
        {"parameters": {"flavour": 2}},
        {"misses": 5},
        {"planted": 100},
    ],
)
def test_a_certificate_of_something_else_is_not_kept(built: Index, changes: dict[str, Any]) -> None:
    found = certified(built)
    with pytest.raises(SearchError, match="is not one of the toy engine"):
        add_certificate(built, replace(found, **changes))
    assert read_entry(built, "toy").certificates == ()


def other_files(monkeypatch: pytest.MonkeyPatch, toy: type[Engine]) -> None:
    """From now on the same vectors and parameters give other files."""
    build = toy.build

    def another(index: Index, folder: Path, *, progress: bool) -> Any:
        made = build(index, folder, progress=progress)
        np.save(folder / "vectors.npy", np.roll(np.load(folder / "vectors.npy"), 1, axis=0))
        return made

    monkeypatch.setattr(toy, "build", another)


def test_a_certificate_of_files_that_were_replaced_meanwhile_is_not_kept(
    built: Index, toy: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(built, "toy")
    other_files(monkeypatch, toy)
    propose, rebuilt = engine._propose, []

    def meanwhile(queries: np.ndarray, k: int) -> np.ndarray:
        if not rebuilt:
            rebuilt.append(build_engine(built, "toy", progress=False))
        return propose(queries, k)

    monkeypatch.setattr(engine, "_propose", meanwhile)
    engine.effort = 8
    found = certify(built, engine, 0.9, k=3, progress=False)
    assert isinstance(found, Certificate)
    assert (rebuilt[0].parameters, rebuilt[0].generation) == (found.parameters, found.generation)
    with pytest.raises(SearchError, match="is not one of the toy engine that .* has now: certify it again"):
        add_certificate(built, found)
    assert read_entry(built, "toy").certificates == ()


def test_an_engine_that_is_replaced_while_it_is_opened_is_not_used(
    built: Index, toy: type[Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_certificate(built, certified(built))
    other_files(monkeypatch, toy)
    opens = toy.open

    def late(folder: Path, entry: Any) -> Engine:
        build_engine(built, "toy", progress=False)
        return opens(folder, entry)

    monkeypatch.setattr(toy, "open", late)
    with pytest.raises(SearchError, match="was built anew while it was opened"):
        open_engine(built, "toy")


def test_a_certificate_that_cannot_be_written_is_told(built: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    found = certified(built)

    def full(folder: Path, entry: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_entry", full)
    with pytest.raises(BuildError, match="engine.json cannot be written"):
        add_certificate(built, found)


def test_a_forged_certificate_is_found(built: Index, folder: Path) -> None:
    add_certificate(built, certified(built))
    body = json.loads((folder / "engine.json").read_text())
    body["certificates"][0]["threshold"] = 0.5
    (folder / "engine.json").write_text(json.dumps(body))
    with pytest.raises(SearchError, match="its digest differs"):
        read_entry(built, "toy")


def test_engines_that_lie_there_are_listed(index: Index) -> None:
    assert built_engines(index) == []
    for name in ("annoy", "faiss-ivf", "something"):
        (index.path / "engines" / name).mkdir(parents=True)
        (index.path / "engines" / name / "engine.json").touch()
    assert built_engines(index) == ["annoy", "faiss-ivf"]
