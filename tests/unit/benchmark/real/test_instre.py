from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication.benchmark.real import open_real_set
from pytest_replication.errors import BenchmarkError

DATABASE = [
    "INSTRE-S1/01a_canada_book/002.jpg",
    "INSTRE-M/01/001.jpg",
    "INSTRE-S2/01_x/003.jpg",
    "INSTRE-S1/a.jpg",
]
QUERIES = ["INSTRE-S1/01a_canada_book/001.jpg", "INSTRE-S2/01_x/001.jpg", "INSTRE-M/01/002.jpg"]
TRUTH: list[dict[str, Any]] = [
    {"ok": [1, 2], "bbx": [2, 1, 10, 9]},
    {"ok": [3], "bbx": [0, 0, 12, 10]},
    {"ok": [2], "bbx": [1, 1, 4, 5]},
]


@pytest.fixture
def root(tmp_path: Path, pictures: Callable[..., None]) -> Path:
    pictures(tmp_path, DATABASE + QUERIES)
    return tmp_path


def test_queries_have_positives_and_boxes(root: Path, save_matlab: Callable[..., None]) -> None:
    save_matlab(root / "gnd_instre.mat", DATABASE, QUERIES, TRUTH)
    made = open_real_set("instre", root, partial=True)
    assert [picture.id for picture in made.database] == DATABASE
    assert [query.positives for query in made.queries] == [set(DATABASE[:2]), {DATABASE[2]}, {DATABASE[1]}]
    assert made.queries[0].picture.box == (2, 1, 10, 9)
    assert made.queries[0].picture.load().size == (8, 8)
    whole = open_real_set("instre", root, boxes=False, partial=True)
    assert whole.queries[0].picture.box is None


@pytest.mark.parametrize(("variant", "number"), [("s1", 0), ("s2", 1), ("m", 2)])
def test_parts_have_their_queries_and_the_whole_database(
    root: Path, save_matlab: Callable[..., None], variant: str, number: int
) -> None:
    save_matlab(root / "gnd_instre.mat", DATABASE, QUERIES, TRUTH)
    made = open_real_set(f"instre:{variant}", root, partial=True)
    assert [query.picture.id for query in made.queries] == [QUERIES[number]]
    assert len(made.database) == 4


def test_fields_may_have_other_names(root: Path, save_matlab: Callable[..., None]) -> None:
    save_matlab(root / "gnd_instre.mat", DATABASE, QUERIES, TRUTH)
    expected = open_real_set("instre", root, partial=True)
    renamed = [{"positives": entry["ok"], "box": entry["bbx"]} for entry in TRUTH]
    save_matlab(root / "gnd_instre.mat", DATABASE, QUERIES, renamed)
    assert open_real_set("instre", root, partial=True) == expected
    turned = [{"bbx": entry["bbx"], "ok": entry["ok"]} for entry in TRUTH]
    save_matlab(root / "gnd_instre.mat", DATABASE, QUERIES, turned)
    assert open_real_set("instre", root, partial=True) == expected


def test_lists_of_one_are_read(root: Path, save_matlab: Callable[..., None]) -> None:
    save_matlab(root / "gnd_instre.mat", DATABASE[:1], QUERIES[:1], [{"ok": [1], "bbx": [0, 0, 3, 3]}])
    made = open_real_set("instre", root, partial=True)
    assert (len(made.database), len(made.queries)) == (1, 1)
    assert made.queries[0].positives == {DATABASE[0]}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"ok": [0], "bbx": [0, 0, 3, 3]}, "it names picture 0 of 4, counted from 1"),
        ({"ok": [5], "bbx": [0, 0, 3, 3]}, "it names picture 5 of 4"),
        ({"ok": [], "bbx": [0, 0, 3, 3]}, "has no positives"),
        ({"ok": [1], "bbx": [9, 9, 3, 3]}, "the box 9, 9, 3, 3 is empty"),
        ({"a": [1], "b": [1], "c": [1]}, "has the fields a, b, c, expected ok and bbx"),
    ],
)
def test_a_damaged_truth_is_refused(
    root: Path, save_matlab: Callable[..., None], entry: dict[str, Any], message: str
) -> None:
    save_matlab(root / "gnd_instre.mat", DATABASE, QUERIES[:1], [entry])
    with pytest.raises(BenchmarkError, match=f"gnd_instre.mat of the set instre is damaged .*{message}"):
        open_real_set("instre", root, partial=True)


@pytest.mark.parametrize("parts", [1, 2])
def test_a_small_file_that_grows_when_it_is_read_is_refused(root: Path, parts: int) -> None:
    from scipy.io import savemat

    content = dict.fromkeys(("imlist", "gnd")[:parts], np.zeros((36 << 20) // parts, np.uint8))
    savemat(root / "gnd_instre.mat", content, do_compression=True)
    assert (root / "gnd_instre.mat").stat().st_size < 1 << 20
    with pytest.raises(BenchmarkError, match="holds more than 32 MiB, so it is no truth file"):
        open_real_set("instre", root)


def test_a_compressed_file_is_read(root: Path, save_matlab: Callable[..., None]) -> None:
    from scipy.io import loadmat, savemat

    save_matlab(root / "gnd_instre.mat", DATABASE, QUERIES, TRUTH)
    plain = open_real_set("instre", root, partial=True)
    content = {name: v for name, v in loadmat(root / "gnd_instre.mat").items() if name[0] != "_"}
    savemat(root / "gnd_instre.mat", content, do_compression=True)
    assert open_real_set("instre", root, partial=True) == plain
    (root / "gnd_instre.mat").write_bytes((root / "gnd_instre.mat").read_bytes()[:-20])
    with pytest.raises(BenchmarkError, match=r"gnd_instre\.mat of the set instre is damaged"):
        open_real_set("instre", root, partial=True)


@pytest.mark.slow
def test_what_is_missing_is_named(root: Path, save_matlab: Callable[..., None]) -> None:
    with pytest.raises(BenchmarkError, match=r"the set instre lacks .*gnd_instre\.mat"):
        open_real_set("instre", root)
    save_matlab(root / "gnd_instre.mat", DATABASE, QUERIES, TRUTH)
    with pytest.raises(BenchmarkError, match="has 4 pictures in its database in .*, published are 27,293"):
        open_real_set("instre", root)
    save_matlab(root / "gnd_instre.mat", [f"{n}.jpg" for n in range(27_293)], QUERIES, TRUTH)
    with pytest.raises(BenchmarkError, match="has 3 queries in .*, published are 1,250"):
        open_real_set("instre", root)
    save_matlab(root / "gnd_instre.mat", [*DATABASE, "INSTRE-S1/b.jpg"], QUERIES, TRUTH)
    with pytest.raises(BenchmarkError, match="lacks 1 of 8 pictures"):
        open_real_set("instre", root, partial=True)
