"""Results that may leave the house: no name, caption or picture in them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_replication.baseline import compare
from pytest_replication.baseline.data import comparison_data
from pytest_replication.reports.html import html_report
from pytest_replication.reports.model_card import model_card
from pytest_replication.results import Results
from pytest_replication.results.private import without_private
from pytest_replication.results.sound import require_sound

from .test_file import SCHEMA

Make = Callable[..., dict[str, Any]]


def test_names_go_and_numbers_stay(put_together: Make, row: dict[str, Any]) -> None:
    picture = {"sample": f"pictures/{'a' * 40}.webp", "training": None}
    row = row | {"pairs": [pair | {"pictures": picture, "caption": "a secret cat"} for pair in row["pairs"]]}
    part = {"points": 12, "sample": [[0.1, 0.2]], "training": [[0.3, 0.4]]}
    row["near_pairs"] = [row["near_pairs"][0] | {"part": part}]
    row["group_thresholds"] = {"by": "label", "thresholds": {"secret": 0.5}, "rest": 0.6}
    whole = put_together(
        row | {"check": "secret", "threshold_source": "call, as in secret.json"},
        row | {"kind": "set", "cells": ["secret"] * 3, "story": "secret", "findings": [{"said": "secret"}]},
        faults=[{"kind": "lost", "text": "test_secret was lost"}, {"kind": "secret", "text": "secret"}],
        caught=["test_gate.py::test_caught[secret]"],
        errors=[{"test": "test_gate.py::test_broken[secret]", "message": "secret/index is gone"}],
    )
    private = without_private(whole)
    text = json.dumps(private)
    for word in ("secret", "coins", ".jpg", "webp", "photos", "0.3, 0.4"):
        assert word not in text.replace("--replication", "")
    jsonschema.Draft202012Validator(SCHEMA).validate(private)
    require_sound(private)
    check = private["checks"][0]
    assert private["private"] is True
    for kept in ("scores", "rate_upper", "threshold", "outcome", "worst_score", "counts"):
        assert check[kept] == row[kept]
    assert (check["threshold_source"], check["message"]) == ("call", "")
    assert check["index"]["fingerprint"] == row["index"]["fingerprint"]
    assert [pair["score"] for pair in check["pairs"]] == [pair["score"] for pair in row["pairs"]]
    assert check["test"].startswith("test_gate.py::test_release[")
    assert check["id"] == f"{check['test']}#1"
    assert len(check["group_thresholds"]["thresholds"]) == 1
    assert private["checks"][1]["cells"] == ["", "", ""]
    values = {setting["name"]: setting["value"] for setting in private["run"]["settings"]}
    assert values["threshold"] == 0.9
    assert private["run"]["command"] is None
    assert whole["checks"][0]["check"] == "secret"


@pytest.mark.parametrize("label", [7, "7"])
def test_labels_of_any_type_are_digests_and_seeds_go(
    put_together: Make, row: dict[str, Any], label: int | str
) -> None:
    told = {"class": label, "label": str(label), "seed": 4711}
    row = row | {"pairs": [pair | told for pair in row["pairs"]], "seeds": {"first": 4711, "last": 4712}}
    whole = put_together(row)
    whole["run"]["settings"] += [{"name": "seed", "value": 4711, "source": "command line"}]
    private = without_private(whole)
    jsonschema.Draft202012Validator(SCHEMA).validate(private)
    require_sound(private)
    kept = json.dumps(private["checks"]) + json.dumps(private["run"]["settings"])
    (check,) = private["checks"]
    digest = hashlib.sha256(b"7").hexdigest()[:12]
    assert {(pair["class"], pair["label"], pair["seed"]) for pair in check["pairs"]} == {
        (digest, digest, None)
    }
    assert check["seeds"] is None
    results = Results(Path("results.json"), private)
    kept += model_card(results) + html_report(results, budget=1_000_000)
    assert re.findall(r"\b471[12]\b", kept) == []
    assert {pair["seed"] for pair in whole["checks"][0]["pairs"]} == {4711}


def test_faults_keep_their_kind_and_checks_of_a_comparison_their_test(put_together: Make) -> None:
    faults = [
        {"kind": "regression", "text": "worse than the baseline secret.json: secret"},
        {"kind": "secret", "text": "secret"},
    ]
    change = {
        "id": "test_gate.py::test_release[secret]#1",
        "change": "worse",
        "new_images": [{"id": "secret"}],
    }
    compared = {
        "outcome": "fail",
        "baseline": "secret.json",
        "checks": [change],
        "missing": ["a.py::b#1"],
        "added": [],
    }
    private = without_private(put_together(faults=faults, baseline=compared))
    assert "secret" not in json.dumps(private["run"])
    assert private["run"]["faults"][0] == {"kind": "regression", "text": "worse than the baseline"}
    told = private["run"]["baseline"]
    assert told["checks"][0]["id"] == private["checks"][0]["id"]
    assert (told["checks"][0]["change"], told["missing"]) == ("worse", ["a.py::b#1"])


def test_a_comparison_of_private_runs_names_images_as_its_run_does(put_together: Make) -> None:
    plain = put_together()
    then = put_together() | {"private": False}
    then["checks"] = [check | {"pairs": [], "replicated": 0} for check in then["checks"]]

    def runs(private: bool) -> list[Results]:
        made = ((then, "old.json"), (plain, "new.json"))
        return [Results(Path(name), without_private(data) if private else data) for data, name in made]

    told = []
    for private in (False, True):
        compared = comparison_data(compare(*runs(private))) | {"outcome": "pass"}
        done = without_private(plain | {"run": plain["run"] | {"baseline": compared}})
        assert "secret" not in json.dumps(done)
        require_sound(done)
        told.append(done["run"]["baseline"])
        (check,), (change,) = done["checks"], told[-1]["checks"]
        assert change["id"] == check["id"]
        images = {(image["uri"], image["sha256"]) for image in change["new_images"]}
        assert images == {(pair["training_uri"], pair["training_sha256"]) for pair in check["pairs"]}
        assert change["tests"][0]["what"] == "rate of prompts"
    # Images with the same score are in the order of their names, which are others in private.
    one, other = (sorted(each["checks"][0]["new_images"], key=lambda image: image["uri"]) for each in told)
    assert one == other


def test_a_test_of_an_odd_name_is_a_digest_from_its_bracket_on(
    put_together: Make, row: dict[str, Any]
) -> None:
    data = without_private(put_together(row | {"test": "a.py::t[secret]secret"}))
    (check,) = data["checks"]
    assert check["test"].startswith("a.py::t[")
    assert "secret" not in json.dumps(check)


def test_a_name_has_the_same_digits_everywhere(put_together: Make, row: dict[str, Any]) -> None:
    found = [without_private(put_together(row | changed)) for changed in ({}, {"test": "other.py::test"})]
    names = [[pair["training_uri"] for pair in data["checks"][0]["pairs"]] for data in found]
    assert names[0] == names[1]
    assert len(set(names[0])) == 2
    assert found[1]["checks"][0]["test"] == "other.py::test"
    assert without_private(found[0]) == found[0]


plain = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.just("TREASURE"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
)


@given(plain)
def test_text_under_a_key_that_nobody_knows_stays_at_home(value: Any) -> None:
    ended = [{"test": "t", "message": "TREASURE", "new": value}]
    run = {"settings": [], "faults": [], "caught": [], "errors": ended, "environment": {}, "new": value}
    check = {"id": "t#1", "test": "t", "check": "", "new": value}
    found = without_private({"private": False, "run": run, "checks": [check]})
    assert "TREASURE" not in json.dumps(found)
    assert found["run"].keys() == run.keys() | {"command"}
