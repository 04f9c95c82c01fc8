from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_replication.index import Index
from pytest_replication.index.manifest_file import read_manifest, write_manifest
from pytest_replication.index.verify import verify_files

FILES = [
    "probe.npz",
    "shards/000000/embeddings.npy",
    "shards/000001/records.parquet",
    "shards/000002/rejected.parquet",
]


def test_a_sound_index(pixels_index: Index) -> None:
    found = verify_files(pixels_index.path, progress=False)
    assert (found.sound, found.files, found.faults) == (True, 10, [])


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found(damaged: Path, name: str) -> None:
    content = bytearray((damaged / name).read_bytes())
    content[random.Random(name).randrange(len(content))] ^= 1 << 3
    (damaged / name).write_bytes(content)
    found = verify_files(damaged, progress=False)
    assert not found.sound
    assert len(found.faults) == 1
    assert f"{damaged / name} has changed: sha256 is" in found.faults[0]


def test_an_index_that_is_not_finished_is_not_damaged(damaged: Path) -> None:
    whole = read_manifest(damaged)
    write_manifest(damaged, replace(whole, complete=False))
    found = verify_files(damaged, progress=False)
    assert (found.sound, found.faults) == (False, [])
    assert "has not finished (20 of 20 images" in found.unfinished
    (damaged / FILES[1]).unlink()
    both = verify_files(damaged, progress=False)
    assert (len(both.faults), both.unfinished) == (1, found.unfinished)


def test_a_file_that_is_missing_is_a_fault(damaged: Path) -> None:
    (damaged / FILES[1]).unlink()
    assert "cannot be read" in verify_files(damaged, progress=False).faults[0]


def test_images_that_nobody_counted_are_a_fault(damaged: Path) -> None:
    whole = read_manifest(damaged)
    write_manifest(damaged, replace(whole, sources=(replace(whole.sources[0], listed=16),)))
    found = verify_files(damaged, progress=False)
    assert not found.sound
    assert "lists 16 images of" in found.faults[0]
