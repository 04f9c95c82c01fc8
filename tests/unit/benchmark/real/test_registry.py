from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_replication.benchmark import metrics
from pytest_replication.benchmark.real import REAL_SETS, open_real_set, real_set_names
from pytest_replication.errors import BenchmarkError, UnknownName

DOCUMENT = Path(__file__).parents[4] / "docs" / "benchmark-real.md"


def test_names_have_variants() -> None:
    assert {"roxford5k:hard", "instre:all", "gpr1200:all", "copydays:crop-50"} <= set(real_set_names())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("oxford", {}, "there is no real set 'oxford': expected one of roxford5k, rparis6k, instre"),
        ("roxford5k:extreme", {}, "roxford5k has no variant 'extreme': expected one of medium, easy, hard"),
        ("gpr1200", {"boxes": True}, "the pictures of gpr1200 have no boxes"),
    ],
)
def test_what_there_is_not_is_told(tmp_path: Path, name: str, options: dict[str, bool], message: str) -> None:
    with pytest.raises((BenchmarkError, UnknownName), match=message):
        open_real_set(name, tmp_path, **options)


@pytest.mark.parametrize("name", REAL_SETS)
def test_a_folder_that_is_not_there_is_told_with_the_home_of_the_set(tmp_path: Path, name: str) -> None:
    with pytest.raises(BenchmarkError) as raised:
        open_real_set(name, tmp_path / "gone")
    assert f"the set {name} lacks the folder {tmp_path / 'gone'}" in str(raised.value)
    assert REAL_SETS[name].home in str(raised.value)


@pytest.mark.parametrize("name", REAL_SETS)
def test_an_empty_folder_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(BenchmarkError, match=f"the set {name} lacks"):
        open_real_set(name, tmp_path, partial=True)


def test_a_set_says_where_it_is_from(tmp_path: Path, pictures: Callable[..., None]) -> None:
    pictures(tmp_path / "images", ["1_a.jpg", "1_b.jpg"])
    made = open_real_set("gpr1200", tmp_path, partial=True)
    assert made.about == {
        "home": "https://github.com/Visual-Computing/GPR1200",
        "licence": REAL_SETS["gpr1200"].licence,
        "variant": "all",
        "boxes": False,
        "partial": True,
    }


def test_finding_oneself_earns_nothing(tmp_path: Path, pictures: Callable[..., None]) -> None:
    """A search that finds only each query's own picture has found no other of its class."""
    import numpy as np

    pictures(tmp_path / "images", [f"{label}_{n}.jpg" for label in (1, 2) for n in range(2)])
    made = open_real_set("gpr1200", tmp_path, partial=True)
    found = metrics.summarise(np.eye(4), *metrics.masks(made), ks=(1,))
    assert found["accuracy@1"] == found["precision@1"] == 0.0
    assert found["mAP (step)"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("name", REAL_SETS)
def test_the_document_has_each_set_with_its_home_and_variants(name: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    (row,) = (line for line in text.splitlines() if line.startswith(f"| `{name}`"))
    for address in (word for word in REAL_SETS[name].home.split() if word.startswith("http")):
        assert address in row
    for variant in REAL_SETS[name].variants:
        assert f"`{variant.split('-')[0]}" in row
