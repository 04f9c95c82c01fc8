"""The report of a run: results and pictures in a folder, whatever runs the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

import pytest_replication.results
from pytest_replication import read_results
from pytest_replication.cli import main

from .conftest import FAILING, PASSING, RunSuite

SCHEMA = json.loads((Path(pytest_replication.results.__file__).parent / "schema.json").read_text())
MANY = """
    import pytest

    @pytest.mark.parametrize("number", range(4))
    def test_many(number, assert_no_replication, check_replication):
        check_replication("photos/unrelated", threshold=0.9)
        assert_no_replication("photos/training" if number == 2 else "photos/unrelated", threshold=0.9, name="named")

    def test_set(assert_no_duplicates_within):
        assert_no_duplicates_within("photos/unrelated", 0.95)
"""
REPORT = "--replication-report=out"


def valid(folder: Path) -> dict[str, Any]:
    """The results in a folder, as the schema and the reader both take them."""
    data = json.loads((folder / "results.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    assert read_results(folder).data == data
    return data


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_check_stands_in_the_results_once(
    run_suite: RunSuite, pytester: pytest.Pytester, plugin_args: tuple[str, ...]
) -> None:
    assert run_suite(MANY, *plugin_args, REPORT).ret == 1
    data = valid(pytester.path / "out")
    file = "test_every_check_stands_in_the_results_once.py"
    ids = [f"{file}::test_many[{number}]#{place}" for number in range(4) for place in (1, 2)]
    assert [check["id"] for check in data["checks"]] == [*ids, f"{file}::test_set#1"]
    assert data["outcome"] == "fail"
    assert data["run"]["exit_status"] == 1
    assert {"name": "report", "value": str(pytester.path / "out"), "source": "command line"} in data["run"][
        "settings"
    ]
    failed = data["checks"][5]
    assert (failed["outcome"], failed["check"], failed["asserted"]) == ("fail", "named", True)
    assert failed["message"].startswith("20 of 20 samples replicate training images")
    assert failed["scores"] == [1.0] * 20
    assert 0 < failed["seconds"] < 60
    for pair in failed["pairs"]:
        for path in pair["pictures"].values():
            with Image.open(pytester.path / "out" / path) as image:
                assert (image.format, max(image.size)) == ("WEBP", 384)
    assert [check["rerun"] for check in data["checks"]] == [False] * 9


def test_the_verb_tells_results_in_a_few_lines(
    run_suite: RunSuite, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    run_suite(FAILING, REPORT)
    capsys.readouterr()
    page = (pytester.path / "out" / "report.html").read_text()
    assert "20 of 20 samples replicate a training image." in page
    assert page.count("data:image/webp;base64,") == 20
    again = pytester.path / "again.html"
    assert main(["report", str(pytester.path / "out"), "--html", str(again), "--private"]) == 0
    assert "astronaut" in page
    assert "astronaut" not in again.read_text()
    capsys.readouterr()
    assert main(["report", str(pytester.path / "out")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "FAIL: 1 check (1 fail)"
    assert "test_copies#1: 20 of 20 replicated, highest 1.000, threshold 0.9" in told[1]
    assert main(["report", str(pytester.path / "out" / "results.json"), "--private", "--json"]) == 0
    private = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(SCHEMA).validate(private)
    assert private["private"] is True
    assert "astronaut" not in json.dumps(private)


def test_a_passing_run_says_so(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    assert run_suite(PASSING, REPORT).ret == 0
    data = valid(pytester.path / "out")
    assert (data["outcome"], len(data["checks"])) == ("pass", 1)
    assert data["checks"][0]["message"] == ""
    assert len(data["checks"][0]["near_pairs"]) == 11
