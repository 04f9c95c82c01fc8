from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.reports.plain import pack, unpack
from pytest_replication.stored_fields import NOT_STORED, stored_as, stored_fields


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    number: int
    text: str | None = None


@dataclass(frozen=True)
class Outer:
    score: float
    flag: bool
    colour: Colour
    inner: Inner
    maybe: Inner | None
    many: tuple[Inner, ...]
    pair: tuple[int, str]
    named: Mapping[str, float]
    picture: bytes | None = None
    aside: object = field(default=None, metadata=NOT_STORED)
    new: int = field(default=1, metadata=stored_as("old"))


OUTER = Outer(
    0.25, True, Colour.RED, Inner(1), Inner(2, "two"), (Inner(3), Inner(4)), (5, "five"), {"a": 0.5}
)


def test_a_dataclass_survives_the_way_through_json() -> None:
    data = json.loads(json.dumps(pack(OUTER)))
    assert unpack(Outer, data) == OUTER
    assert "aside" not in data
    assert list(stored_fields(Outer)) == list(data)


def test_a_field_may_have_another_name_in_files() -> None:
    data = pack(replace(OUTER, new=7))
    assert (data["old"], "new" in data) == (7, False)
    assert unpack(Outer, data).new == 7
    with pytest.raises(ValueError, match="old: True is no int"):
        unpack(Outer, data | {"old": True})
    del data["old"]
    with pytest.raises(ValueError, match="Outer has no 'old'"):
        unpack(Outer, data)
    with pytest.raises(ValueError, match="Outer knows no 'new'"):
        unpack(Outer, data | {"old": 7, "new": 7})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_every_digit(number: float) -> None:
    assert unpack(float, json.loads(json.dumps(pack(number)))) == number


def test_numbers_of_numpy_become_plain_ones() -> None:
    assert [type(pack(x)) for x in (np.float64(0.5), np.float32(0.5), np.int64(3), np.bool_(True))] == [
        float,
        float,
        int,
        bool,
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan"), b"bytes", {1: 1}, [1], object()])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        pack(value)


def test_a_refusal_names_the_field() -> None:
    with pytest.raises(ValueError, match="inner: number: nan is no finite number"):
        pack(Outer(0.5, True, Colour.RED, Inner(math.nan), None, (), (1, ""), {}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("score", "0.5", "score: '0.5' is no finite number"),
        ("score", True, "score: True is no finite number"),
        ("score", math.nan, "score: nan is no finite number"),
        ("flag", 1, "flag: 1 is no bool"),
        ("colour", "blue", "colour: 'blue' is not a valid"),
        ("inner", None, "inner: None is no Inner"),
        ("inner", {"number": 1}, "inner: Inner has no 'text'"),
        ("inner", {"number": 1, "text": None, "more": 0}, "inner: Inner knows no 'more'"),
        ("inner", {"number": 1.0, "text": None}, "inner: number: 1.0 is no int"),
        ("maybe", {"number": True, "text": None}, "maybe: number: True is no int"),
        ("many", {"0": 1}, "many: .* is no list"),
        ("pair", [1], "pair: 1 values stand where 2 should"),
        ("named", [1], "named: .* is no object"),
        ("named", {"a": "1"}, "named: '1' is no finite number"),
        ("picture", "text", "picture: 'text' cannot be read"),
        ("aside", None, "Outer knows no 'aside'"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        unpack(Outer, pack(OUTER) | {name: value})


def test_a_field_that_stays_out_needs_a_default() -> None:
    @dataclass
    class Bare:
        aside: int = field(metadata=NOT_STORED)

    with pytest.raises(TypeError, match=r"Bare.aside is not stored and has no default"):
        unpack(Bare, {})
