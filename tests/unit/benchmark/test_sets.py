from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pytest_replication.benchmark.sets import Picture, Query, RetrievalSet, read_set, write_truth
from pytest_replication.errors import BenchmarkError


@pytest.fixture
def made(tmp_path: Path) -> RetrievalSet:
    for side in ("queries", "database"):
        (tmp_path / side).mkdir()
    for number in range(3):
        Image.new("RGB", (8, 6), (number, 0, 0)).save(tmp_path / "database" / f"{number}.png")
    Image.new("RGB", (8, 6)).save(tmp_path / "queries" / "q.png")
    database = tuple(Picture(f"d{n}", tmp_path / "database" / f"{n}.png") for n in range(3))
    query = Query(
        Picture("q", tmp_path / "queries" / "q.png", (1.0, 2.0, 5.0, 6.0)),
        frozenset({"d0"}),
        frozenset({"d2"}),
        {"seed": 3},
    )
    return RetrievalSet("toy", (query,), database, {"seed": 1})


def test_a_set_is_read_as_it_was_written(made: RetrievalSet, tmp_path: Path) -> None:
    write_truth(tmp_path, made)
    assert read_set(tmp_path) == made


def test_a_picture_is_cut_to_its_box(made: RetrievalSet) -> None:
    assert made.queries[0].picture.load().size == (4, 4)
    assert made.database[1].load().getpixel((0, 0)) == (1, 0, 0)


def test_a_picture_that_cannot_be_read_is_named(made: RetrievalSet) -> None:
    made.database[0].path.write_bytes(b"")
    with pytest.raises(BenchmarkError, match=r"the picture .*0\.png cannot be read"):
        made.database[0].load()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"queries": ()}, "it needs one of each at least"),
        ({"database": ()}, "it needs one of each at least"),
        ({"database": "twice"}, "has an id twice"),
        ({"queries": "twice"}, "has an id twice"),
        ({"positives": {"d9"}}, "'d9', which is not in its database"),
        ({"junk": {"d9"}}, "'d9', which is not in its database"),
        ({"junk": {"d0"}}, "'d0', which is both a positive and junk"),
    ],
)
def test_a_truth_that_contradicts_itself_is_refused(
    made: RetrievalSet, changes: dict[str, Any], message: str
) -> None:
    (key, value), *_ = changes.items()
    if value == "twice":
        value = getattr(made, key) * 2
    if key in ("positives", "junk"):
        key, value = "queries", (replace(made.queries[0], **{key: frozenset(value)}),)
    with pytest.raises(BenchmarkError, match=message):
        replace(made, **{key: value})


def test_a_folder_without_a_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="there is no retrieval set at"):
        read_set(tmp_path)


def test_a_picture_outside_the_folder_is_not_written(made: RetrievalSet, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="copy it there first"):
        write_truth(tmp_path / "queries", made)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("set.json", {"format": 1}),
        ("set.json", {"truth": "0" * 64}),
        ("set.json", {"queries": 2}),
        ("set.json", {"about": None}),
        ("set.json", {"database": [{"id": "d0", "path": "../../x.png", "box": None}]}),
        ("truth.jsonl", {"box": [1, 2]}),
        ("truth.jsonl", {"box": [0, 0, "far", 4]}),
        ("truth.jsonl", {"box": [0, 0, float("inf"), 4]}),
        ("truth.jsonl", {"sha256": "0" * 64}),
        ("truth.jsonl", {"positives": None}),
        ("truth.jsonl", {"path": None, "box": 3}),
    ],
)
def test_a_damaged_set_is_refused(
    made: RetrievalSet, tmp_path: Path, file: str, change: dict[str, Any]
) -> None:
    write_truth(tmp_path, made)
    content = json.loads((tmp_path / file).read_text())
    (tmp_path / file).write_text(json.dumps(content | change))
    if file == "truth.jsonl":  # damaged before its digest was taken: more than that has to be looked at
        description = json.loads((tmp_path / "set.json").read_text())
        description["truth"] = hashlib.sha256((tmp_path / file).read_bytes()).hexdigest()
        (tmp_path / "set.json").write_text(json.dumps(description))
    with pytest.raises(BenchmarkError, match="is damaged"):
        read_set(tmp_path)


@pytest.mark.parametrize("name", ["database/1.png", "queries/q.png"])
def test_a_picture_that_was_changed_is_told(made: RetrievalSet, tmp_path: Path, name: str) -> None:
    write_truth(tmp_path, made)
    Image.new("RGB", (8, 6), (200, 0, 0)).save(tmp_path / name)
    with pytest.raises(BenchmarkError, match=rf"{name} is not the picture that its truth was written for"):
        read_set(tmp_path)


def test_another_truth_is_told(made: RetrievalSet, tmp_path: Path) -> None:
    write_truth(tmp_path, made)
    text = (tmp_path / "truth.jsonl").read_text()
    (tmp_path / "truth.jsonl").write_text(text.replace('"d0"', '"d1"'))
    with pytest.raises(BenchmarkError, match="truth.jsonl is not the one that set.json was written for"):
        read_set(tmp_path)


@pytest.mark.parametrize(
    "box", [(0, 0, 1e6, 1e6), (-3, 0, 4, 4), (4, 0, 4, 6), (6, 0, 2, 6), (0.2, 0, 0.4, 6), (8, 0, 9, 6)]
)
def test_a_box_outside_its_picture_is_refused(made: RetrievalSet, box: tuple[float, ...]) -> None:
    with pytest.raises(BenchmarkError, match=r"0\.png holds no part of its 8 x 6 pixels"):
        replace(made.database[0], box=box).load()


def test_a_box_may_reach_over_the_edge_by_rounding(made: RetrievalSet) -> None:
    assert replace(made.database[0], box=(-0.6, 0.0, 8.9, 7.0)).load().size == (8, 6)
