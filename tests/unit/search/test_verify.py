"""What the public `verify_index` looks at beyond the index itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_replication import make_engine, open_index, verify_index


@pytest.fixture
def index(built_pixels: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built_pixels, tmp_path / "index"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_codes_and_engines_are_looked_at(index: Path) -> None:
    pytest.importorskip("faiss")
    make_engine(index, "int8", progress=False)
    entry = make_engine(index, "faiss-ivf", 0.9, progress=False).entry
    assert verify_index(index, progress=False).sound
    assert entry is not None
    engine, codes = (
        index / "engines" / "faiss-ivf" / min(entry.files),
        index / "engines/int8/000000/codes.npy",
    )
    flip(engine)
    flip(codes)
    found = verify_index(index, progress=False)
    assert not found.sound
    assert [fault.partition(" ")[0] for fault in found.faults] == [str(codes), str(engine)]


def test_faults_of_the_index_come_first(index: Path) -> None:
    make_engine(index, "int8", progress=False)
    flip(index / "engines" / "int8" / "000001" / "codes.npy")
    flip(open_index(index).shards[0].embeddings_path)
    first, second = verify_index(index, progress=False).faults
    assert "shards" in first
    assert "engines" in second
