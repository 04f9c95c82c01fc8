from __future__ import annotations

from itertools import combinations
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.benchmark.sets import Picture
from pytest_replication.benchmark.synthetic.truth import Piece, Twins, with_truth


def piece(id_: str, source: str, *shows: str) -> Piece:
    return Piece(Picture(id_, Path(id_)), source, frozenset({source, *shows}))


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=12))
def test_twins_are_the_connected_parts_of_the_pairs(pairs: list[tuple[int, int]]) -> None:
    twins = Twins(map(str, range(12)))
    near = {(i, i) for i in range(12)}
    for one, other in pairs:
        twins.join(str(one), str(other))
        near |= {(one, other), (other, one)}
    for middle in range(12):
        for one in range(12):
            near |= {(one, to) for to in range(12) if (one, middle) in near and (middle, to) in near}
    for one, other in combinations(range(12), 2):
        assert (twins.group(str(one)) == twins.group(str(other))) == ((one, other) in near)


def test_positives_are_of_the_same_source_and_relatives_are_junk() -> None:
    twins = Twins(["a", "b", "c", "d", "h", "k", "n"])
    twins.join("c", "a")  # c is a twin of the source a
    twins.join("h", "d")  # d is a twin of the host h
    database = [piece(name, name) for name in ("a", "b", "c", "d")]
    queries = [piece("q0", "a", "h"), piece("q1", "b", "k"), piece("negative", "n")]
    first, second, third = with_truth(queries, database, twins)
    assert (first.positives, first.junk) == ({"a"}, {"c", "d"})
    assert (second.positives, second.junk) == ({"b"}, set())
    assert (third.positives, third.junk) == (set(), set())


def test_a_copy_with_a_relative_as_its_host_is_junk() -> None:
    twins = Twins(["a", "b", "h", "h2"])
    twins.join("b", "h")  # the host h is a twin of the source b
    copies = [piece("a-1", "a", "h"), piece("a-2", "a", "h2"), piece("b-1", "b", "h2")]
    first, second = with_truth([piece("a", "a"), piece("b", "b")], copies, twins)
    assert (first.positives, first.junk) == ({"a-1", "a-2"}, set())
    assert (second.positives, second.junk) == ({"b-1"}, {"a-1"})


def test_a_negative_with_a_twin_in_the_database_counts_neither_way() -> None:
    twins = Twins(["a", "n"])
    twins.join("n", "a")
    (query,) = with_truth([piece("negative", "n")], [piece("a", "a")], twins)
    assert (query.positives, query.junk) == (set(), {"a"})
