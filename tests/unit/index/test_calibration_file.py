"""The stored form of a calibration, and what is refused of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication import Calibration, Index, drop_calibration, open_index
from pytest_replication.errors import CalibrationError, IndexCorrupt
from pytest_replication.index import calibration_file as stored
from pytest_replication.index.calibration import is_stale
from pytest_replication.index.calibration_file import store_calibration
from pytest_replication.index.writer import IndexWriter


@pytest.fixture
def folder(built_calibrated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built_calibrated, tmp_path / "index"))


@pytest.fixture
def found(built_calibrated: Path) -> Calibration:
    calibration = open_index(built_calibrated).calibration
    assert calibration is not None
    return calibration


def test_what_is_stored_is_what_is_read(folder: Path, found: Calibration) -> None:
    grouped = replace(found, by="label", names=("ä\u2028", "b"), group_of=np.arange(120) % 3 - 1)
    store_calibration(open_index(folder), grouped)
    read = open_index(folder).calibration
    assert read is not None
    assert read.scores.tolist() == grouped.scores.tolist()
    assert read.group_of.tolist() == grouped.group_of.tolist()
    empty = np.empty(0)
    for name in Calibration.__dataclass_fields__:
        if name not in ("scores", "group_of"):
            assert getattr(read, name) == getattr(grouped, name), name
    assert replace(read, scores=empty).described == "0 unseen images"


def test_it_is_part_of_the_manifest_and_of_no_fingerprint(folder: Path, built_pixels: Path) -> None:
    manifest = open_index(folder).manifest
    assert manifest.calibration is not None
    assert (manifest.calibration.of, manifest.calibration.rows) == (manifest.generation, 120)
    assert manifest.fingerprint == open_index(built_pixels).manifest.fingerprint
    assert not is_stale(manifest)


def test_dropping_it_takes_the_file_and_the_canaries(folder: Path) -> None:
    with IndexWriter(folder) as writer:
        manifest = writer.edit()
        canaries = writer.attach("canaries", ".parquet", b"canaries", 1)
        writer.commit(replace(manifest, canaries=canaries))
    assert drop_calibration(folder)
    assert not list(folder.glob("calibration-*"))
    assert not list(folder.glob("canaries-*"))
    assert open_index(folder).calibration is None
    assert not drop_calibration(folder)


def test_a_new_calibration_takes_the_place_of_the_old_one(folder: Path, found: Calibration) -> None:
    store_calibration(open_index(folder), replace(found, note="again"))
    assert len(list(folder.glob("calibration-*"))) == 1


def test_an_index_that_is_open_says_that_its_calibration_was_replaced(
    folder: Path, found: Calibration
) -> None:
    old = open_index(folder)
    store_calibration(open_index(folder), replace(found, note="again"))
    with pytest.raises(IndexCorrupt, match="was replaced while the index was open"):
        _ = old.calibration


def test_a_file_that_changed_is_refused(folder: Path) -> None:
    (path,) = folder.glob("calibration-*")
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(IndexCorrupt, match="its checksum differs.*--drop"):
        _ = open_index(folder).calibration


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None], **entry: Any) -> Index:
    """An index whose calibration was changed by somebody who also wrote the manifest."""
    (path,) = folder.glob("calibration-*")
    body = json.loads(path.read_text())
    change(body)
    with IndexWriter(folder) as writer:
        manifest = writer.edit()
        old = manifest.calibration
        assert old is not None
        new = writer.attach("calibration", ".json", json.dumps(body).encode(), old.rows)
        new = replace(new, of=old.of, threshold=old.threshold, **entry)
        writer.commit(replace(manifest, calibration=new))
    return open_index(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body.update(format=2), "not in format 1"),
        (lambda body: body["scores"].__setitem__(0, float("nan")), "NaN is no finite number"),
        (lambda body: body["scores"].__setitem__(-1, 1.5), "no cosines"),
        (lambda body: body["scores"].reverse(), "not sorted"),
        (lambda body: body["scores"].pop(), "its groups"),
        (lambda body: (body["scores"].pop(), body["group_of"].pop()), "another number of scores"),
        (lambda body: body.update(scores=[], group_of=[]), "not numbers"),
        (lambda body: body.update(scores="many"), "could not convert"),
        (lambda body: body["group_of"].__setitem__(0, 7), "its groups"),
        (lambda body: body.update(threshold=0.1), "another threshold"),
        (lambda body: body.update(threshold=None), "real number"),
        (lambda body: body.update(rate=2.0), "its rate"),
        (lambda body: body.update(asked=[["fpr", 1]]), "no pairs of texts"),
        (lambda body: body.update(origin="hearsay"), "hearsay"),
        (lambda body: body.update(by="colour"), "colour"),
        (lambda body: body.update(engine="annoy"), "annoy"),
        (lambda body: body.update(embedder=["other", "", ""]), "made with other, the index with pixels"),
        (lambda body: body.pop("seed"), "seed"),
        (lambda body: body.update(surprise=1), "surprise"),
        (lambda body: body["control"].pop("p"), "p"),
        (lambda body: body.update(canaries=-1), "-1 canaries"),
        (lambda body: body.update(canaries=True), "True canaries"),
    ],
)
def test_values_that_make_no_sense_are_refused(
    folder: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    with pytest.raises(IndexCorrupt, match=message):
        _ = rewritten(folder, change).calibration


def test_a_file_that_is_too_large_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_MOST_BYTES", 1000)
    with pytest.raises(IndexCorrupt, match="more than a calibration may have"):
        _ = open_index(folder).calibration


def test_more_than_can_be_stored_is_refused(
    folder: Path, found: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_MOST_BYTES", 1000)
    with pytest.raises(CalibrationError, match="more than can be stored"):
        store_calibration(open_index(folder), found)
    assert open_index(folder).manifest.calibration is not None


def test_scores_are_never_read_before_they_are_asked_for(folder: Path) -> None:
    (path,) = folder.glob("calibration-*")
    path.write_bytes(b"x" * path.stat().st_size)
    assert open_index(folder).manifest.calibration is not None
