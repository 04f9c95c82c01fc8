from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_replication.benchmark.real import open_real_set
from pytest_replication.benchmark.sets import Query, RetrievalSet
from pytest_replication.errors import BenchmarkError

DATABASE = [f"all_souls_{number:06d}" for number in range(6)]
QUERIES = ["all_souls_000013", "ashmolean_000000"]
TRUTH: list[dict[str, Any]] = [
    {"bbx": [1.5, 2.0, 9.0, 8.25], "easy": [0, 3], "hard": [4], "junk": [5]},
    {"bbx": [0.0, 0.0, 12.0, 10.0], "easy": [], "hard": [1, 2], "junk": []},
]
Find = Callable[[RetrievalSet, str], Query]


def content(truth: list[dict[str, Any]]) -> dict[str, Any]:
    return {"imlist": DATABASE, "qimlist": QUERIES, "gnd": truth}


@pytest.fixture
def root(tmp_path: Path, pictures: Callable[..., None]) -> Path:
    pictures(tmp_path / "jpg", (f"{name}.jpg" for name in DATABASE + QUERIES))
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content(TRUTH), 2))
    return tmp_path


def ids(*rows: int) -> set[str]:
    return {DATABASE[row] for row in rows}


@pytest.mark.parametrize(
    ("variant", "first", "second"),
    [
        ("", ((0, 3, 4), (5,)), ((1, 2), ())),
        (":medium", ((0, 3, 4), (5,)), ((1, 2), ())),
        (":easy", ((0, 3), (4, 5)), ((), (1, 2))),
        (":hard", ((4,), (0, 3, 5)), ((1, 2), ())),
    ],
)
def test_the_three_protocols(root: Path, query_of: Find, variant: str, first: Any, second: Any) -> None:
    made = open_real_set(f"roxford5k{variant}", root, partial=True)
    assert made.name == f"roxford5k{variant or ':medium'}"
    assert [picture.id for picture in made.database] == DATABASE
    for name, (positives, junk) in zip(QUERIES, (first, second), strict=True):
        query = query_of(made, name)
        assert query.positives == ids(*positives)
        assert query.junk == ids(*junk)
    assert query_of(made, QUERIES[0]).picture.box == (1.5, 2.0, 9.0, 8.25)
    assert query_of(made, QUERIES[0]).picture.load().size == (7, 6)
    assert all(picture.box is None for picture in made.database)
    assert made.about["boxes"] is made.about["partial"] is True


def test_queries_can_be_left_whole(root: Path, query_of: Find) -> None:
    made = open_real_set("roxford5k", root, boxes=False, partial=True)
    assert query_of(made, QUERIES[0]).picture.box is None


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("integers", [np.int64, np.uint16, np.float64])
def test_arrays_are_read_as_lists_are(root: Path, protocol: int, integers: type) -> None:
    expected = open_real_set("roxford5k", root, partial=True)
    arrays = [
        {key: np.asarray(value, float if key == "bbx" else integers) for key, value in entry.items()}
        for entry in TRUTH
    ]
    (root / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content(arrays), protocol))
    assert open_real_set("roxford5k", root, partial=True) == expected


def test_the_matlab_file_counts_from_one(root: Path, save_matlab: Callable[..., None]) -> None:
    expected = open_real_set("roxford5k:hard", root, partial=True)
    (root / "gnd_roxford5k.pkl").unlink()
    shifted = [
        {key: value if key == "bbx" else [row + 1 for row in value] for key, value in entry.items()}
        for entry in TRUTH
    ]
    save_matlab(root / "gnd_roxford5k.mat", DATABASE, QUERIES, shifted)
    assert open_real_set("roxford5k:hard", root, partial=True) == expected


def test_paris_has_its_own_file_and_numbers(root: Path) -> None:
    with pytest.raises(
        BenchmarkError, match=r"the set rparis6k lacks .*gnd_rparis6k\.pkl and .*\.mat, of which"
    ):
        open_real_set("rparis6k", root)
    (root / "gnd_roxford5k.pkl").rename(root / "gnd_rparis6k.pkl")
    with pytest.raises(BenchmarkError, match="has 6 pictures in its database in .*, published are 6,322"):
        open_real_set("rparis6k", root)


def test_numbers_are_compared_with_the_published_ones(root: Path, pictures: Callable[..., None]) -> None:
    with pytest.raises(BenchmarkError, match="has 6 pictures in its database in .*, published are 4,993"):
        open_real_set("roxford5k", root)
    many = {**content(TRUTH), "imlist": [f"x{number}" for number in range(4993)]}
    (root / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(many))
    with pytest.raises(BenchmarkError, match="has 2 queries in .*, published are 70"):
        open_real_set("roxford5k", root)


def test_pictures_that_are_missing_are_counted(root: Path) -> None:
    for name in (DATABASE[0], QUERIES[1]):
        (root / "jpg" / f"{name}.jpg").unlink()
    with pytest.raises(BenchmarkError, match=rf"lacks 2 of 8 pictures, .*{DATABASE[0]}\.jpg among them"):
        open_real_set("roxford5k", root, partial=True)


def test_a_query_that_is_also_in_the_database_must_be_junk(root: Path) -> None:
    twice = {**content(TRUTH), "qimlist": [DATABASE[5], DATABASE[0]]}
    (root / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(twice))
    with pytest.raises(BenchmarkError, match=f"the query {DATABASE[0]} .* it would find itself"):
        open_real_set("roxford5k", root, partial=True)


class Call:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("was-run"),))


def test_a_pickle_that_wants_to_run_something_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    (root / "gnd_roxford5k.pkl").write_bytes(pickle.dumps({**content(TRUTH), "more": Call()}))
    with pytest.raises(
        BenchmarkError, match=r"nothing in it was run: use the \.mat file of the same authors"
    ):
        open_real_set("roxford5k", root, partial=True)
    assert not (root / "was-run").exists()


def changed(**fields: Any) -> dict[str, Any]:
    return content([{**TRUTH[0], **fields}, TRUTH[1]])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1], "it holds a list, expected imlist, qimlist and gnd"),
        ({"imlist": DATABASE, "qimlist": QUERIES}, "it has no gnd"),
        (content(TRUTH[:1]), "it has 2 queries and the truth of 1"),
        ({**content(TRUTH), "gnd": [1, 2]}, "the truth of a query has no fields"),
        ({**content(TRUTH), "imlist": [1, 2]}, "a list of pictures holds something else than names"),
        (content([{"easy": [1]}, TRUTH[1]]), "the truth of a query has no bbx"),
        (content([{"bbx": [0.0, 0.0, 1.0, 1.0]}, TRUTH[1]]), "the truth of a query has no easy"),
        (changed(easy=[6]), "it names picture 6 of 6, counted from 0"),
        (changed(easy=[-1]), "it names picture -1 of 6"),
        (changed(easy=[0.5]), "something else than whole numbers"),
        (changed(easy=[float("inf")]), "something else than whole numbers"),
        (changed(easy=["a"]), "something else than whole numbers"),
        (changed(easy=[10**30]), "something else than whole numbers"),
        (changed(easy=[[1], [2, 3]]), "damaged"),
        (changed(easy=None), "something else than whole numbers"),
        (changed(bbx=[1.0, 2.0, 3.0]), "not enough values"),
        (changed(bbx=[5.0, 2.0, 3.0, 4.0]), "the box 5, 2, 3, 4 is empty"),
        (changed(bbx=[float("nan"), 2.0, 3.0, 4.0]), "the box nan, 2, 3, 4 is empty"),
        (changed(bbx=None), "damaged"),
        (changed(easy=[5]), "both a positive and junk"),
        ({**content(TRUTH), "imlist": [*DATABASE[:5], "../../x"]}, "'../../x.jpg', which leads out of"),
        ({**content(TRUTH), "imlist": [*DATABASE[:5], "a\0b"]}, "which leads out of"),
        ({**content(TRUTH), "imlist": [*DATABASE[:5], DATABASE[0]]}, "has an id twice"),
    ],
)
def test_a_damaged_truth_is_refused(root: Path, value: Any, message: str) -> None:
    (root / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(BenchmarkError, match=message):
        open_real_set("roxford5k", root, partial=True)


def test_a_file_that_is_no_matlab_file_is_refused(root: Path) -> None:
    (root / "gnd_roxford5k.pkl").unlink()
    for junk in (b"", b"nonsense" * 40):
        (root / "gnd_roxford5k.mat").write_bytes(junk)
        with pytest.raises(
            BenchmarkError, match=r"gnd_roxford5k\.mat of the set .* damaged .it is no MATLAB file"
        ):
            open_real_set("roxford5k", root, partial=True)
