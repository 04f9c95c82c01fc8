from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.errors import SourceError
from pytest_replication.images.sources.names import expand, files, ids


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tar", ["a.tar"]),
        ("{8..11}", ["8", "9", "10", "11"]),
        ("{08..11}", ["08", "09", "10", "11"]),
        ("{3..1}", ["3", "2", "1"]),
        ("{0..0}", ["0"]),
        ("{a,b}-{0..1}.tar", ["a-0.tar", "a-1.tar", "b-0.tar", "b-1.tar"]),
        ("x{,-b}", ["x", "x-b"]),
        ("{x}", ["{x}"]),
    ],
)
def test_braces_are_written_out_as_in_a_shell(pattern: str, names: list[str]) -> None:
    assert expand(pattern) == names


@given(st.integers(0, 10**6), st.integers(0, 300), st.integers(1, 8))
def test_a_range_has_every_number_once(first: int, more: int, width: int) -> None:
    low, high = f"{first:0{width}d}", f"{first + more:0{width}d}"
    found = expand(f"a{{{low}..{high}}}b")
    assert [int(name[1:-1]) for name in found] == list(range(first, first + more + 1))
    padded = any(len(end) > 1 and end.startswith("0") for end in (low, high))
    assert not padded or len({len(name) for name in found}) == 1
    assert padded or not any(name.startswith("a0") for name in found[1:])


@pytest.mark.parametrize("pattern", ["{a,{b,c}}", "a}", "{0..1"])
def test_braces_that_do_not_pair_are_refused(pattern: str) -> None:
    with pytest.raises(SourceError, match="braces"):
        expand(pattern)


@pytest.mark.parametrize("pattern", ["{0..999999999999}", "{0..9999}{0..9999}"])
def test_a_range_that_would_fill_the_memory_is_refused(pattern: str) -> None:
    with pytest.raises(SourceError, match="more than 1,000,000"):
        expand(pattern)


def test_wildcards_are_sorted_and_have_to_match(tmp_path: Path) -> None:
    for name in ("b.tar", "a.tar", "a.txt"):
        (tmp_path / name).touch()
    assert files(f"{tmp_path}/*.tar") == [tmp_path / "a.tar", tmp_path / "b.tar"]
    with pytest.raises(SourceError, match=r"\*\.zip matches no file"):
        files(f"{tmp_path}/*.{{tar,zip}}")


def test_a_file_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tar").touch()
    with pytest.raises(SourceError, match=r"a\.tar twice"):
        files(f"{tmp_path}/{{a,*}}.tar")


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "{0..1}[x].tar"
    path.touch()
    assert files(str(path)) == [path]


def test_ids_are_as_short_as_they_can_be() -> None:
    assert ids([Path("/d/a.tar"), Path("/d/b.tar")]) == ["a.tar", "b.tar"]
    assert ids([Path("/d/x/a.tar"), Path("/d/y/a.tar")]) == ["x/a.tar", "y/a.tar"]
