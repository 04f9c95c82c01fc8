from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_replication.benchmark.synthetic.kinds import KINDS, checked_parameters, edited, kind_named
from pytest_replication.benchmark.synthetic.recipe import Ingredients
from pytest_replication.errors import BenchmarkError
from pytest_replication.images.edits import ALL_EDITS


def test_edits_take_turns(ingredients: Callable[..., Ingredients]) -> None:
    names = list(ALL_EDITS)
    first = edited(ingredients(copies=3, first=len(names) - 2))
    assert [mixed.made["edit"] for mixed in first if mixed] == [names[-2], names[-1], names[0]]
    assert all(mixed.area == 1.0 for mixed in first if mixed)


def test_the_kinds_say_what_they_need() -> None:
    assert {name for name, kind in KINDS.items() if kind.masks} == {
        "segmix",
        "segmix_hard",
        "segmix_resized",
        "object_paste",
        "redrawn",
        "foreground_replaced",
    }
    assert {name for name, kind in KINDS.items() if kind.fill} == {"patch_outpaint", "diagonal_outpaint"}
    assert {name for name, kind in KINDS.items() if not kind.hosts} == {
        "patch_outpaint",
        "diagonal_outpaint",
        "edits",
    }


def test_parameters_have_defaults_and_ranges() -> None:
    cutmix = kind_named("cutmix")
    assert checked_parameters("cutmix", cutmix, {}) == {"beta": 1.0}
    assert checked_parameters("cutmix", cutmix, {"beta": 2}) == {"beta": 2.0}
    for value in (0.0, -1.0, 1e9, float("nan"), True):
        with pytest.raises(BenchmarkError, match=r"beta is .*; expected 0\.01 to 100"):
            checked_parameters("cutmix", cutmix, {"beta": value})
    with pytest.raises(BenchmarkError, match=r"have no parameter 'x' \(they have: beta\)"):
        checked_parameters("cutmix", cutmix, {"x": 1})
    with pytest.raises(BenchmarkError, match=r"\(they have: none\)"):
        checked_parameters("edits", kind_named("edits"), {"x": 1})


def test_another_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(BenchmarkError, match="there are cutmix, segmix"):
        kind_named("mixup")
