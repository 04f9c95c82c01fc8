"""Sets of classes, in which every picture is a query: GPR1200 and CUB-200-2011."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_replication.benchmark.real import open_real_set
from pytest_replication.errors import BenchmarkError

GPR = ["10_b.jpg", "9_n01_x.jpg", "9_n01_y.jpg", "10_a_1.jpg", "9_z.jpg"]
BIRDS = ["001.Albatross/A_0001.jpg", "001.Albatross/A_0002.jpg", "150.Wren/W_0001.jpg", "150.Wren/W_0002.jpg"]


@pytest.fixture
def gpr(tmp_path: Path, pictures: Callable[..., None]) -> Path:
    pictures(tmp_path / "images", GPR)
    return tmp_path


@pytest.fixture
def cub(tmp_path: Path, pictures: Callable[..., None]) -> Path:
    pictures(tmp_path / "images", BIRDS)
    files = {
        "images.txt": [f"{n} {name}" for n, name in enumerate(BIRDS, 1)],
        "image_class_labels.txt": ["1 1", "2 1", "3 150", "4 150"],
        "train_test_split.txt": ["1 0", "2 1", "3 1", "4 0"],
        "bounding_boxes.txt": [f"{n} 2.0 1.0 {n}.0 5.0" for n in range(1, 5)],
    }
    for name, lines in files.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    return tmp_path


def test_each_picture_of_gpr1200_searches_for_its_class_and_not_for_itself(gpr: Path) -> None:
    made = open_real_set("gpr1200", gpr, partial=True)
    assert [p.id for p in made.database] == [
        "9_n01_x.jpg",
        "9_n01_y.jpg",
        "9_z.jpg",
        "10_a_1.jpg",
        "10_b.jpg",
    ]
    assert [query.picture for query in made.queries] == list(made.database)
    for query in made.queries:
        assert query.junk == {query.picture.id}
    assert made.queries[0].positives == {"9_n01_y.jpg", "9_z.jpg"}
    assert made.queries[4].positives == {"10_a_1.jpg"}


def test_numbers_of_gpr1200_are_compared(gpr: Path, pictures: Callable[..., None]) -> None:
    with pytest.raises(BenchmarkError, match="has 5 pictures in .*, published are 12,000"):
        open_real_set("gpr1200", gpr)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("7_alone.jpg", "the class 7 of the set gpr1200 has a single picture"),
        ("readme.jpg", r"readme\.jpg is not named CLASS_NAME\.jpg"),
        ("9_z.png", r"9_z\.png is no \.jpg picture"),
        ("9_more/9_w.jpg", r"9_more is no \.jpg picture"),
    ],
)
def test_what_does_not_belong_to_gpr1200_is_named(
    gpr: Path, pictures: Callable[..., None], name: str, message: str
) -> None:
    pictures(gpr / "images", [name])
    with pytest.raises(BenchmarkError, match=message):
        open_real_set("gpr1200", gpr, partial=True)


def test_a_folder_without_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        BenchmarkError, match=r"the set gpr1200 lacks the folder .*images: .* from https://github"
    ):
        open_real_set("gpr1200", tmp_path)


def test_each_bird_searches_for_its_species_and_not_for_itself(cub: Path) -> None:
    made = open_real_set("cub200", cub, partial=True)
    assert [picture.id for picture in made.database] == BIRDS
    assert [query.picture for query in made.queries] == list(made.database)
    assert [query.junk for query in made.queries] == [{name} for name in BIRDS]
    assert [query.positives for query in made.queries] == [{BIRDS[n]} for n in (1, 0, 3, 2)]
    assert made.queries[0].picture.box is None


def test_unseen_are_the_later_classes(cub: Path) -> None:
    made = open_real_set("cub200:unseen", cub, partial=True)
    assert [picture.id for picture in made.database] == BIRDS[2:]


def test_split_searches_for_test_pictures_among_training_pictures(cub: Path) -> None:
    made = open_real_set("cub200:split", cub, partial=True)
    assert [picture.id for picture in made.database] == BIRDS[1:3]
    assert {query.picture.id: set(query.positives) for query in made.queries} == {
        BIRDS[0]: {BIRDS[1]},
        BIRDS[3]: {BIRDS[2]},
    }
    assert not any(query.junk for query in made.queries)


def test_birds_can_be_cut_to_their_boxes(cub: Path) -> None:
    made = open_real_set("cub200", cub, boxes=True, partial=True)
    assert made.database[2].box == (2.0, 1.0, 5.0, 6.0)
    assert made.queries[2].picture.load().size == (3, 5)


def test_numbers_of_birds_are_compared(cub: Path) -> None:
    with pytest.raises(BenchmarkError, match="has 4 pictures in .*, published are 11,788"):
        open_real_set("cub200", cub)


@pytest.mark.parametrize(
    ("variant", "file"),
    [
        ("all", "images.txt"),
        ("all", "image_class_labels.txt"),
        ("all", "bounding_boxes.txt"),
        ("split", "train_test_split.txt"),
    ],
)
def test_a_missing_file_of_birds_is_named(cub: Path, variant: str, file: str) -> None:
    (cub / file).unlink()
    with pytest.raises(BenchmarkError, match=f"the set cub200 lacks .*{file}: .* from https://www.vision"):
        open_real_set(f"cub200:{variant}", cub, boxes=True, partial=True)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("images.txt", "1 a.jpg\n1 b.jpg\n", "'1 b.jpg' is none of 2 columns, or comes twice"),
        ("images.txt", "1 a.jpg 3\n", "none of 2 columns"),
        ("images.txt", "1 a.jpg\n\n2 b.jpg\n", "the line '' is none"),
        ("images.txt", b"1 \xff.jpg\n", "damaged .*utf-8"),
        ("images.txt", "1 ../a.jpg\n2 b\n3 c\n4 d\n", "which leads out of"),
        ("image_class_labels.txt", "1 1\n2 1\n3 2\n", "it has 3 pictures, not the 4 of images.txt"),
        ("image_class_labels.txt", "1 1\n2 1\n3 2\n5 2\n", "not the 4 of images.txt"),
        ("image_class_labels.txt", "1 1\n2 1\n3 2\n4 x\n", "something else than numbers"),
        (
            "image_class_labels.txt",
            "1 1\n2 1\n3 2\n4 3\n",
            "the class 2 of the set cub200 has a single picture",
        ),
        ("train_test_split.txt", "1 0\n2 1\n3 2\n4 0\n", "something else than 0 and 1"),
        (
            "bounding_boxes.txt",
            "1 0 0 5 5\n2 0 0 0 5\n3 0 0 5 5\n4 0 0 5 5\n",
            "picture 2: the box .* is empty",
        ),
        (
            "bounding_boxes.txt",
            "1 0 0 5 5\n2 0 0 x 5\n3 0 0 5 5\n4 0 0 5 5\n",
            "picture 2: could not convert",
        ),
    ],
)
def test_damaged_files_of_birds_are_refused(cub: Path, file: str, content: str | bytes, message: str) -> None:
    (cub / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    variant = "split" if file == "train_test_split.txt" else "all"
    with pytest.raises(BenchmarkError, match=message):
        open_real_set(f"cub200:{variant}", cub, boxes=True, partial=True)


def test_a_bird_that_is_missing_is_named(cub: Path) -> None:
    (cub / "images" / BIRDS[0]).unlink()
    with pytest.raises(BenchmarkError, match="lacks 1 of 4 pictures"):
        open_real_set("cub200", cub, partial=True)
