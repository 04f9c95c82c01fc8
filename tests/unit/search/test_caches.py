"""Codes and engines beside an index: listed, and compared with what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import Index
from pytest_replication.index.writer import IndexWriter
from pytest_replication.search.caches import caches, damages
from pytest_replication.search.codes import write_codes
from pytest_replication.search.engines import build_engine

pytest.importorskip("faiss")


@pytest.fixture
def index(tmp_path: Path, made_up_index: Callable[..., Index]) -> Index:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((2, 40, 1, 16)).astype(np.float32)
    return made_up_index(tmp_path / "index", *(rows / np.linalg.norm(rows, axis=-1, keepdims=True)))


def test_an_index_has_none_at_first(index: Index) -> None:
    assert caches(index) == []
    assert damages(index) == []


def test_they_are_listed_with_their_size(index: Index) -> None:
    write_codes(index)
    entry = build_engine(index, "faiss-ivf")
    codes, engine = caches(index)
    assert (codes.name, codes.fault, codes.in_part) == ("int8", "", False)
    assert codes.bytes > 80 * 16
    assert (engine.name, engine.fault, engine.certificates) == ("faiss-ivf", "", ())
    assert engine.bytes == sum(file.bytes for file in entry.files.values())
    assert damages(index) == []


def test_codes_that_are_missing_are_told_and_no_damage(index: Index) -> None:
    import shutil

    write_codes(index)
    shutil.rmtree(index.path / "engines" / "int8" / "000001")
    (codes,) = caches(index)
    assert codes.fault.startswith("1 of 2 shards have none: 'pytest-replication engine")
    assert codes.in_part
    assert damages(index) == []
    shutil.rmtree(index.path / "engines" / "int8" / "000000")
    (codes,) = caches(index)
    assert codes.fault.startswith("2 of 2 shards have none")
    assert not codes.in_part


@pytest.mark.parametrize("file", ["codes.npy", "errors.npy", "checksums.npy"])
def test_codes_that_changed_are_found(index: Index, file: str) -> None:
    write_codes(index)
    path = index.path / "engines" / "int8" / "000001" / file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    (fault,) = damages(index)
    assert f"{path} is not the file that was written" in fault


def test_codes_of_another_size_or_without_a_readable_description_are_found(index: Index) -> None:
    write_codes(index)
    folder = index.path / "engines" / "int8"
    (folder / "000000" / "codes.json").write_text("{")
    (folder / "000001" / "errors.npy").write_bytes(b"")
    assert [fault.partition(" is ")[0] for fault in damages(index)] == [
        str(folder / "000000" / "codes.json"),
        str(folder / "000001" / "errors.npy"),
    ]
    (codes,) = caches(index)
    assert f"{folder / '000000' / 'codes.json'} is damaged" in codes.fault
    assert not codes.in_part


def test_an_engine_that_changed_is_found(index: Index) -> None:
    entry = build_engine(index, "faiss-ivf")
    folder = index.path / "engines" / "faiss-ivf"
    path = folder / min(entry.files)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    (fault,) = damages(index)
    assert "has changed since it was written" in fault
    (folder / "engine.json").write_text("{}")
    (fault,) = damages(index)
    assert "engine.json is damaged" in fault
    assert "engine.json is damaged" in caches(index)[0].fault


def test_an_engine_of_other_vectors_is_of_no_use_and_no_damage(index: Index) -> None:
    from pytest_replication import open_index
    from pytest_replication.index.shard import Record

    build_engine(index, "faiss-ivf")
    with IndexWriter(index.path) as writer:
        manifest = writer.edit()
        assert manifest.rows == 80
        writer.add_shard(np.eye(1, 16, dtype=np.float32)[:, None], [Record("n", "/n", "s", 1, 1)], [], "l")
        writer.finish(81, 0)
    changed = open_index(index.path)
    assert "is for other vectors than" in caches(changed)[0].fault
    assert damages(changed) == []
