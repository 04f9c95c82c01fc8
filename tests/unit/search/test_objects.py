"""A part of a photograph in another photograph is found, and what could not be looked at is counted."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_replication import BuildOptions, Index, Verdict, build_index, open_index
from pytest_replication.errors import IndexCorrupt, IndexMismatch, SampleError, SettingsError
from pytest_replication.index.removed import remove_images
from pytest_replication.models.samples import Samples
from pytest_replication.search import objects as module
from pytest_replication.search.embed import embed_images
from pytest_replication.search.objects import find_objects
from pytest_replication.search.objects_found import ObjectsFound

pytest.importorskip("cv2")

COPIED, OTHER, BLANK = range(3)
CLEAR = 8


@pytest.fixture(scope="module")
def index(objects_index: Index) -> Index:
    return objects_index


@pytest.fixture(scope="module")
def plain(part_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """The same without parts and features."""
    options = BuildOptions(embedder="pixels", progress=False)
    return open_index(build_index(part_photos, tmp_path_factory.mktemp("plain") / "index", options).index)


@pytest.fixture(scope="module")
def samples(pasted: Samples) -> Samples:
    return pasted


@pytest.fixture(scope="module")
def copied(samples: Samples) -> Samples:
    """The first of them alone: aligning takes its time."""
    return Samples.of([samples.image(COPIED)])


def find(index: Index, samples: Samples, k: int = 6) -> ObjectsFound:
    return find_objects(index, samples, embed_images(index, samples), k, progress=False)


@pytest.fixture(scope="module")
def found(objects_verdict: Verdict) -> ObjectsFound:
    """In the index, of these samples."""
    assert objects_verdict.matches.objects is not None
    return objects_verdict.matches.objects


def points(found: ObjectsFound, sample: int) -> int:
    """Of the candidate with most."""
    return max((one.points for one in found.of[sample]), default=0)


def require_motorcycle(found: ObjectsFound) -> None:
    match = found.of[COPIED][0]
    assert [one.points >= CLEAR for one in found.of[COPIED]].count(True) == 1
    assert (match.sample, match.record.id) == (COPIED, "motorcycle.jpg")
    assert match.part is not None
    assert match.part.alignment.mirrored
    for name, box in (
        ("sample", (40 / 512, 60 / 320, 340 / 512, 240 / 320)),
        ("training", (100 / 512, 100 / 345, 400 / 512, 280 / 345)),
    ):
        corners = np.array(getattr(match.part.alignment, name))
        assert (corners >= np.array(box[:2]) - 0.02).all()
        assert (corners <= np.array(box[2:]) + 0.02).all()


def require_no_other(found: ObjectsFound) -> None:
    assert points(found, OTHER) < CLEAR
    assert found.of[BLANK] == ()
    assert found.features[BLANK] == 0 < found.features[OTHER]


def test_a_part_is_found_in_its_place(found: ObjectsFound) -> None:
    require_motorcycle(found)
    require_no_other(found)
    match = found.of[COPIED][0]
    assert match.part is not None
    assert match.part.source == "index"
    assert {match.view, match.sample_view} <= {"whole", *(f"quarter {i} of 4" for i in range(1, 5))}
    assert (found.candidates, found.checked, found.unchecked) == (18, 18, (0, 0, 0))
    assert (found.searched, found.grid, found.stored) == (6, "quarters", True)
    spent = (found.embedding_seconds, found.searching_seconds, found.comparing_seconds)
    assert min(spent) > 0
    assert sum(spent) == found.seconds


def test_an_index_without_features_reads_the_files(plain: Index, copied: Samples) -> None:
    found = find(plain, copied)
    require_motorcycle(found)
    assert {match.part and match.part.source for match in found.of[COPIED]} == {"original"}
    assert (found.checked, found.grid, found.stored) == (6, "ninths", False)


def test_what_is_nowhere_is_counted_as_not_checked(
    part_photos: Path, copied: Samples, tmp_path: Path
) -> None:
    images = Path(shutil.copytree(part_photos, tmp_path / "images"))
    plain = build_index(images, tmp_path / "index", BuildOptions(embedder="pixels", progress=False)).index
    (images / "motorcycle.jpg").unlink()
    (images / "cat.jpg").write_bytes((images / "coins.jpg").read_bytes())  # not what was indexed
    found = find(open_index(plain), copied)
    assert found.unchecked == (2,)
    assert found.checked == 4
    assert points(found, COPIED) < CLEAR


def test_only_candidates_are_looked_at(index: Index, copied: Samples) -> None:
    found = find(index, copied, 2)
    assert found.candidates == found.checked == 2


def test_removed_images_are_no_candidates(index: Index, copied: Samples, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(index.path, tmp_path / "index"))
    remove_images(folder, ids=["motorcycle.jpg"])
    found = find(open_index(folder), copied)
    assert (found.candidates, found.searched) == (5, 5)
    assert points(found, COPIED) < CLEAR


def test_what_is_kept_in_memory_changes_nothing(
    index: Index, samples: Samples, found: ObjectsFound, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_KNOWN", 1), ("_RECORDS", 2)):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "threads", lambda: 1)
    again = find(index, Samples.of([samples.image(COPIED), samples.image(BLANK)]))
    assert again.of == (found.of[COPIED], found.of[BLANK])


def test_threads_of_linear_algebra_change_nothing(
    index: Index, samples: Samples, found: ObjectsFound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    monkeypatch.setattr(module, "_BATCH", 1)
    assert find(index, samples) == found


def test_features_of_a_training_image_are_read_once(
    index: Index, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    features_of = Index.features_of
    monkeypatch.setattr(Index, "features_of", lambda self, rows: read.extend(rows) or features_of(self, rows))
    monkeypatch.setattr(module, "threads", lambda: 1)
    find(index, Samples.of([samples.image(OTHER), samples.image(BLANK)]))
    assert sorted(read) == list(range(6))


def test_damaged_features_are_an_error(index: Index, copied: Samples, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(index.path, tmp_path / "index"))
    path = folder / "shards" / "000001" / "features.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexCorrupt, match=r"features.npy has changed since it was written"):
        find(open_index(folder), copied)


def test_features_that_were_found_otherwise_are_not_compared(index: Index, copied: Samples) -> None:
    other = open_index(index.path)
    assert other.manifest.objects is not None
    other.manifest = replace(other.manifest, objects=replace(other.manifest.objects, detector="orb"))
    with pytest.raises(IndexMismatch, match="the local features of .* were found as 'orb'"):
        find(other, copied)


def test_vectors_of_other_samples_are_refused(index: Index, copied: Samples) -> None:
    with pytest.raises(SampleError, match="there are 1 samples and vectors of 2"):
        find_objects(index, copied, np.repeat(embed_images(index, copied), 2, axis=0), progress=False)
    with pytest.raises(SettingsError, match="0 nearest"):
        find(index, copied, 0)
