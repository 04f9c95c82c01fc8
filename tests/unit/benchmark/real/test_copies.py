"""Sets of copies: Copydays and DISC21."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_replication.benchmark.real import open_real_set
from pytest_replication.benchmark.real.registry import REAL_SETS
from pytest_replication.errors import BenchmarkError

ORIGINALS = ["200000.jpg", "200100.jpg"]
QUALITIES, CROPS = (3, 5, 8, 10, 15, 20, 30, 50, 75), (10, 15, 20, 30, 40, 50, 60, 70, 80)


@pytest.fixture
def copydays(tmp_path: Path, pictures: Callable[..., None]) -> Path:
    pictures(tmp_path / "original", ORIGINALS)
    pictures(tmp_path / "strong", ["200001.jpg", "200002.jpg", "200101.jpg"])
    for folder in [f"jpegqual/{q}" for q in QUALITIES] + [f"crops/{c}" for c in CROPS]:
        pictures(tmp_path / folder, ORIGINALS)
    return tmp_path


def test_strong_copies_belong_to_the_original_of_their_block(copydays: Path) -> None:
    made = open_real_set("copydays", copydays, partial=True)
    assert made.name == "copydays:strong"
    assert [picture.id for picture in made.database] == ORIGINALS
    found = {query.picture.id: set(query.positives) for query in made.queries}
    assert found == {
        "strong/200001.jpg": {"200000.jpg"},
        "strong/200002.jpg": {"200000.jpg"},
        "strong/200101.jpg": {"200100.jpg"},
    }


@pytest.mark.parametrize(("variant", "folder"), [("jpeg-75", "jpegqual/75"), ("crop-10", "crops/10")])
def test_attacks_have_a_folder_each(copydays: Path, variant: str, folder: str) -> None:
    made = open_real_set(f"copydays:{variant}", copydays, partial=True)
    assert [query.picture.path for query in made.queries] == [copydays / folder / name for name in ORIGINALS]
    assert [query.positives for query in made.queries] == [{name} for name in ORIGINALS]


def test_all_holds_every_attack(copydays: Path) -> None:
    made = open_real_set("copydays:all", copydays, partial=True)
    assert len(made.queries) == 3 + 2 * 18
    assert len(REAL_SETS["copydays"].variants) == 1 + 18 + 1
    (copydays / "crops" / "80" / "200000.jpg").unlink()
    assert len(open_real_set("copydays:all", copydays, partial=True).queries) == 3 + 2 * 18 - 1


def test_numbers_of_copydays_are_compared(copydays: Path, pictures: Callable[..., None]) -> None:
    with pytest.raises(BenchmarkError, match="has 2 originals in .*, published are 157"):
        open_real_set("copydays", copydays)
    pictures(copydays / "original", [f"2{n:03d}00.jpg" for n in range(157)])
    with pytest.raises(BenchmarkError, match="has 3 pictures in strong in .*, published are 229"):
        open_real_set("copydays", copydays)
    with pytest.raises(BenchmarkError, match="has 2 pictures in crops/50 in .*, published are 157"):
        open_real_set("copydays:crop-50", copydays)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("strong/200201.jpg", r"lacks the original of strong/200201\.jpg"),
        ("strong/2001.jpg", "is not named with six digits"),
        ("strong/200003.png", r"is no \.jpg picture"),
        ("original/200001.jpg", "two originals of block 2000"),
    ],
)
def test_what_does_not_belong_to_copydays_is_named(
    copydays: Path, pictures: Callable[..., None], name: str, message: str
) -> None:
    pictures(copydays, [name])
    with pytest.raises(BenchmarkError, match=message):
        open_real_set("copydays", copydays, partial=True)


def test_a_missing_folder_of_copydays_is_named(copydays: Path) -> None:
    (copydays / "strong").rename(copydays / "elsewhere")
    with pytest.raises(
        BenchmarkError, match=r"the set copydays lacks the folder .*strong: its folder must hold"
    ):
        open_real_set("copydays", copydays, partial=True)


@pytest.fixture
def disc(tmp_path: Path, pictures: Callable[..., None]) -> Path:
    pictures(tmp_path / "references", ["R000000.jpg", "batch_1/R000001.jpg", "batch_1/R000007.jpg"])
    pictures(tmp_path / "queries", ["dev_50k/Q00002.jpg", "Q00000.jpg", "Q00001.jpg", "Q00003.jpg"])
    pictures(tmp_path / "test_queries", ["Q50000.jpg", "Q50001.jpg"])
    (tmp_path / "public_ground_truth.csv").write_text(
        "query_id,reference_id\nQ00000,\nQ00002,R000007\nQ00001,R000000\nQ00001,R000001\n"
    )
    (tmp_path / "dev_queries_groundtruth.csv").write_text("Q00002,R000007\r\nQ00001,R000000\r\n")
    (tmp_path / "test_queries_groundtruth.csv").write_text("Q50001,R000000\nQ50000,\n")
    return tmp_path


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("public", {"Q00000": set(), "Q00001": {"R000000", "R000001"}, "Q00002": {"R000007"}}),
        ("dev", {"Q00000": set(), "Q00001": {"R000000"}, "Q00002": {"R000007"}, "Q00003": set()}),
        ("test", {"Q50000": set(), "Q50001": {"R000000"}}),
    ],
)
def test_the_three_truths_of_disc21(disc: Path, variant: str, expected: dict[str, set[str]]) -> None:
    made = open_real_set(f"disc21:{variant}", disc, partial=True)
    assert [picture.id for picture in made.database] == ["R000000", "R000001", "R000007"]
    assert made.database[1].path == disc / "references" / "batch_1" / "R000001.jpg"
    assert {query.picture.id: set(query.positives) for query in made.queries} == expected
    assert [query.picture.id for query in made.queries] == sorted(expected)


def test_folders_that_are_links_are_read(disc: Path) -> None:
    (disc / "references" / "batch_1").rename(disc / "elsewhere")
    (disc / "references" / "batch_1").symlink_to(disc / "elsewhere", target_is_directory=True)
    assert len(open_real_set("disc21", disc, partial=True).database) == 3


def test_numbers_of_disc21_are_compared(disc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_replication.benchmark.real import disc21

    with pytest.raises(BenchmarkError, match="has 3 references in .*, published are 1,000,000"):
        open_real_set("disc21", disc)
    monkeypatch.setattr(disc21, "_REFERENCES", 3)
    for variant, found, published in (("public", 3, "25,000"), ("dev", 4, "50,000"), ("test", 2, "50,000")):
        with pytest.raises(BenchmarkError, match=f"has {found} queries in .*, published are {published}"):
            open_real_set(f"disc21:{variant}", disc)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "Q00001,R000002",
            "lacks 1 pictures that public_ground_truth.csv names, reference R000002 among them",
        ),
        ("Q00009,R000000", "lacks 1 pictures that public_ground_truth.csv names, query Q00009 among them"),
        ("Q00009,", "query Q00009 among them"),
        ("Q00001", "damaged .line 6 is 'Q00001'"),
        ("Q1,R000000", "line 6 is"),
        ("Q00001,R1", "line 6 is"),
        ("Q00001,R000000,0.5", "line 6 is"),
        ("query_id,reference_id", "line 6 is"),
    ],
)
def test_a_truth_of_disc21_that_does_not_fit_is_refused(
    disc: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    from pytest_replication.benchmark.real import disc21

    monkeypatch.setattr(disc21, "_REFERENCES", 3)
    with (disc / "public_ground_truth.csv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(BenchmarkError, match=message):
        open_real_set("disc21", disc)


def test_a_part_of_disc21_leaves_out_queries_without_their_pictures(disc: Path) -> None:
    with (disc / "public_ground_truth.csv").open("a") as file:
        file.write("Q00001,R000002\nQ00009,R000000\nQ00008,\n")
    made = open_real_set("disc21", disc, partial=True)
    # Q00001 is a copy of three, of which one is not there; Q00008 and Q00009 are not there themselves.
    assert [query.picture.id for query in made.queries] == ["Q00000", "Q00002"]
    assert (made.about["dropped"], made.about["partial"]) == (3, True)
    assert len(made.database) == 3
    for name in ("R000000", "R000007"):
        next((disc / "references").rglob(f"{name}.jpg")).unlink()
    made = open_real_set("disc21", disc, partial=True)
    assert [query.picture.id for query in made.queries] == ["Q00000"]
    (disc / "public_ground_truth.csv").write_text("Q00001,R000000\n")
    with pytest.raises(BenchmarkError, match="lacks the pictures of every query"):
        open_real_set("disc21", disc, partial=True)


@pytest.mark.parametrize("name", ["references/b/R000000.jpg", "queries/x.jpg", "references/R000009.png"])
def test_what_does_not_belong_to_disc21_is_named(
    disc: Path, pictures: Callable[..., None], name: str
) -> None:
    pictures(disc, [name])
    with pytest.raises(BenchmarkError, match="is there twice, or is no picture of the set disc21"):
        open_real_set("disc21", disc, partial=True)


@pytest.mark.parametrize("name", ["references", "queries", "public_ground_truth.csv"])
def test_what_is_missing_of_disc21_is_named(disc: Path, name: str) -> None:
    (disc / name).rename(disc / "elsewhere")
    with pytest.raises(BenchmarkError, match=f"the set disc21 lacks .*{name}: its folder must hold"):
        open_real_set("disc21", disc, partial=True)


def test_a_folder_that_cannot_be_read_is_an_error(disc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def scandir(path: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(BenchmarkError, match="references cannot be read: Permission denied"):
        open_real_set("disc21", disc, partial=True)
