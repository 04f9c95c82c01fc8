"""What the public `verify_index` looks at beyond the index itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication import check_replication, make_engine, open_index, verify_index
from pytest_replication.index.fingerprint import require_fingerprint
from pytest_replication.index.shard import describe_file
from pytest_replication.sealed import seal, unseal
from pytest_replication.search.neighbours import SearchedBy
from pytest_replication.surroundings import EngineChoice


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


def reseal_codes(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what describes codes, and let it vouch for their files as they are."""
    path = folder / "codes.json"
    body = unseal(path.read_text(), 2)
    assert body is not None
    change(body)
    body["files"] = {name: asdict(describe_file(folder / name)) for name in body["files"]}
    path.write_text(seal(2, body))


def hide(folder: Path, name: str) -> None:
    """Let the middle vector of a shard look as if it lay far from everything."""
    array = np.load(folder / name)
    array[4] = 128 if name == "codes.npy" else 0
    np.save(folder / name, array)


@pytest.mark.parametrize(
    ("change", "file"),
    [
        (lambda folder: hide(folder, "codes.npy"), "codes.npy"),
        (lambda folder: hide(folder, "errors.npy"), "codes.npy"),
        (lambda folder: hide(folder, "checksums.npy"), "checksums.npy"),
        (lambda folder: reseal_codes(folder, lambda body: body.update(scale=body["scale"] / 2)), "codes.npy"),
        (lambda folder: reseal_codes(folder, lambda body: body.update(length=0.5)), "codes.json"),
    ],
)
def test_codes_that_hide_vectors_are_found_whatever_vouches_for_them(
    change: Callable[[Path], None], file: str, index: Path
) -> None:
    make_engine(index, "int8", progress=False)
    folder = index / "engines" / "int8" / "000001"
    change(folder)
    reseal_codes(folder, lambda body: None)
    (fault,) = verify_index(index, progress=False).faults
    assert f"{folder / file} is not the file that was written" in fault


def test_a_certificate_proves_nothing_under_a_pinned_fingerprint(index: Path, unrelated: Path) -> None:
    pytest.importorskip("faiss")
    assert make_engine(index, "faiss-ivf", 0.9, progress=False).certified
    opened = open_index(index)
    choice = EngineChoice("faiss-ivf", allow_approximate=True)

    def by() -> SearchedBy:
        return check_replication(unrelated, 0.9, index=opened, engine=choice).matches.by

    assert by().engine == "faiss-ivf"
    require_fingerprint(opened, opened.manifest.fingerprint, "ini file")
    assert by().engine == "exact"
    assert (
        "a fingerprint is pinned (ini file), which does not cover the certificate of faiss-ivf" in by().note
    )
