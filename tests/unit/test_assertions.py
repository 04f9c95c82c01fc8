"""Every argument of an assertion arrives where it is measured and judged, under its own name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_replication import (
    assertions,
    check,
    extraction,
    screen_assertions,
    set_assertions,
)
from pytest_replication.accepted import Accepted
from pytest_replication.asked import Asked
from pytest_replication.screens import run as screens
from pytest_replication.screens.options import ScreenOptions
from pytest_replication.set_checks.copying import CopyingRule
from pytest_replication.set_checks.holdout import HoldoutRule
from pytest_replication.set_checks.running import Call

# No two alike, and none a default: an argument that goes astray, or lost, changes what arrives.
SAMPLES, INDEX, HOLDOUT, ACCEPTED, PROMPTS = "the samples", "the index", "the holdout", Accepted(), "prompts"
COMMON: dict[str, Any] = {
    "samples": SAMPLES,
    "threshold": 0.61,
    "index": INDEX,
    "confidence": 0.83,
    "top_k": 7,
    "engine": "annoy",
    "allow_unproved": True,
    "accepted": ACCEPTED,
    "canaries": 11,
    "objects": 23,
    "name": "a name",
}
CALL = {"index": INDEX, "allow_unproved": True, "canaries": 11, "name": "a name"}
SCREEN: dict[str, Any] = {
    "prompts": PROMPTS,
    "clean_prompts": "clean",
    "control_prompts": "control",
    "screens": ("anisotropy",),
    "fpr": 0.07,
    "per": "check",
    "options": ScreenOptions(seeds=2),
    "name": "a name",
}


@dataclass(frozen=True)
class Case:
    """A function, all that it takes, and what arrives where it hands that on."""

    function: Callable[..., Any]
    measure: str
    given: dict[str, Any]
    arrives: tuple[Any, ...]
    named: dict[str, Any] = field(default_factory=dict)


def without(these: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in these.items() if key not in names}


NO_SAMPLES = without(COMMON, "samples")
CASES = [
    Case(
        assertions.assert_no_replication,
        "measure",
        {**COMMON, "max_rate": 0.02, "fdr": 0.13},
        (SAMPLES, Asked(**NO_SAMPLES, max_rate=0.02, fdr=0.13)),
        {"asserted": True},
    ),
    Case(
        check.check_replication,
        "measure",
        {**COMMON, "max_rate": 0.02, "fdr": 0.13, "complexity": False},
        (SAMPLES, Asked(**NO_SAMPLES, max_rate=0.02, fdr=0.13, complexity=False)),
        {"asserted": False},
    ),
    Case(
        assertions.assert_replication_rate_below,
        "measure",
        {**COMMON, "rate": 0.02, "per": "prompt"},
        (SAMPLES, Asked(**NO_SAMPLES, max_rate=0.02, per="prompt", claimed=True)),
        {"asserted": True},
    ),
    *(
        Case(
            function,
            "measure_extraction",
            {
                "samples": SAMPLES,
                "rule": "tiled",
                "limit": 0.31,
                "index": INDEX,
                "neighbours": 9,
                "confidence": 0.83,
                "name": "a name",
            },
            (SAMPLES, "tiled", 0.31),
            {
                "index": INDEX,
                "neighbours": 9,
                "confidence": 0.83,
                "name": "a name",
                "asserted": function is assertions.assert_no_extraction,
            },
        )
        for function in (assertions.assert_no_extraction, extraction.check_extraction)
    ),
    Case(
        set_assertions.assert_not_closer_than_holdout,
        "measure_closeness",
        {
            "samples": SAMPLES,
            "holdout": HOLDOUT,
            "alpha": 0.11,
            "level": 0.71,
            "detect": 0.81,
            "holdout_copies": 0.91,
            "max_copied": 0.21,
            **CALL,
        },
        (
            SAMPLES,
            HOLDOUT,
            HoldoutRule(alpha=0.11, level=0.71, detect=0.81, copies=0.91, max_copied=0.21),
            Call(**CALL),
        ),
    ),
    Case(
        set_assertions.assert_percentile_below,
        "measure_percentile",
        {"samples": SAMPLES, "percentile": 91, "value": 0.41, "confidence": 0.83, **CALL},
        (SAMPLES,),
        {"percentile": 91, "value": 0.41, "confidence": 0.83, "call": Call(**CALL)},
    ),
    Case(
        set_assertions.assert_no_data_copying,
        "measure_copying",
        {
            "samples": SAMPLES,
            "holdout": HOLDOUT,
            "alpha": 0.11,
            "cells": 5,
            "detect": 0.81,
            "seed": 6,
            "holdout_copies": 0.91,
            "max_copied": 0.21,
            **CALL,
        },
        (
            SAMPLES,
            HOLDOUT,
            CopyingRule(alpha=0.11, cells=5, detect=0.81, seed=6, copies=0.91, max_copied=0.21),
            Call(**CALL),
        ),
    ),
    Case(
        set_assertions.assert_no_duplicates_within,
        "measure_within",
        {"samples": SAMPLES, "threshold": 0.61, "max_share": 0.17, **without(CALL, "canaries")},
        (SAMPLES,),
        # Its samples are compared with each other: planted copies of training images are none of them.
        {"threshold": 0.61, "max_share": 0.17, "call": Call(**{**CALL, "canaries": 0})},
    ),
    Case(
        screen_assertions.assert_prompts_not_memorized,
        "run_screen",
        {"model": "a model", **SCREEN},
        ("a model", screens.Call(**SCREEN)),
    ),
    Case(
        screens.screen_prompts,
        "run_screen",
        {"model": "a model", **SCREEN},
        ("a model", screens.Call(**SCREEN, asserted=False)),
    ),
]


class Arrived(Exception):
    """What a measurement was asked for."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.function.__name__)
def test_every_argument_is_handed_on_under_its_own_name(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert handed_on(case, monkeypatch) == (case.arrives, case.named)


def handed_on(case: Case, monkeypatch: pytest.MonkeyPatch) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments with which a function calls its measurement, all of its own being given."""
    parameters = inspect.signature(case.function).parameters
    assert set(case.given) == set(parameters), "an argument that the case does not give"
    defaults = [name for name, value in case.given.items() if value == parameters[name].default]
    assert not defaults, "a default shows nothing"
    found: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def measure(*args: object, **named: object) -> None:
        found.append((args, named))
        raise Arrived

    monkeypatch.setitem(case.function.__globals__, case.measure, measure)
    with pytest.raises(Arrived):
        case.function(**case.given)
    (one,) = found
    return one


def test_a_leak_is_looked_for_with_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[tuple[object, str]] = []

    @contextmanager
    def training_index(train: object, embedder: str) -> Iterator[str]:
        trained.append((train, embedder))
        yield INDEX

    monkeypatch.setattr(set_assertions, "training_index", training_index)
    given = without(COMMON, "samples", "index", "confidence", "engine", "accepted", "objects")
    case = Case(
        set_assertions.assert_no_leak,
        "measure",
        {"train": "train", "test": SAMPLES, "embedder": "pixels", **given},
        (SAMPLES, Asked(**given, index=INDEX, max_rate=0.0)),
        {"asserted": True},
    )
    assert handed_on(case, monkeypatch) == (case.arrives, case.named)
    assert trained == [("train", "pixels")]
