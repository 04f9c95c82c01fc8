"""The fingerprint of an index does not depend on where its training set lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import BuildOptions, build_index
from pytest_replication.index.compact import compact_index
from pytest_replication.index.manifest_file import read_manifest
from pytest_replication.index.removed import remove_images
from pytest_replication.index.shard import Record, content_of

PIXELS = BuildOptions(embedder="pixels", shard_rows=5)


def fingerprint(source: Path | str, out: Path, options: BuildOptions = PIXELS) -> str:
    build_index(source, out, options)
    return read_manifest(out).fingerprint


def test_a_copy_of_the_training_set_elsewhere_has_the_same(pictures: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "deep" / "er"
    shutil.copytree(pictures, elsewhere, copy_function=shutil.copyfile)  # times of last change are others
    one, two = tmp_path / "one", tmp_path / "two"
    assert fingerprint(pictures, one) == fingerprint(elsewhere, two)
    for index in (one, two):  # and so it stays, whenever images are removed
        remove_images(index, ids=["03.png"])
    assert read_manifest(one).fingerprint == read_manifest(two).fingerprint
    masked = read_manifest(one).fingerprint
    for index in (one, two):
        compact_index(index)
    assert masked != read_manifest(one).fingerprint == read_manifest(two).fingerprint
    remove_images(two, ids=["04.png"])
    assert read_manifest(one).fingerprint != read_manifest(two).fingerprint


def test_a_file_by_its_name_and_by_its_whole_path_has_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    for name, labels in (("train", [0, 1, 2]), ("other", [0, 1, 1])):
        np.savez(tmp_path / f"{name}.npz", images=images, labels=labels)
    monkeypatch.chdir(tmp_path)
    named = fingerprint("train.npz", tmp_path / "a")
    assert named == fingerprint(tmp_path / "train.npz", tmp_path / "b")
    assert named != fingerprint("other.npz", tmp_path / "c")  # other labels: thresholds by label differ


def test_images_without_a_digest_are_told_apart_by_their_ids() -> None:
    told = [content_of([Record(id_, "uri", sha256=digest)]) for id_ in "ab" for digest in ("f" * 64, None)]
    assert told[0] == told[2]
    assert len(set(told)) == 3
