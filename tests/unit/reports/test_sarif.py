from __future__ import annotations

import json
import re

import pytest
from made_results import hostile_results, made_check, made_pair, made_results

from pytest_replication.reports import sarif as sarif_module
from pytest_replication.reports.gitlab import gitlab
from pytest_replication.reports.sarif import sarif

_LEVELS = {"none", "note", "warning", "error"}
_KINDS = {"notApplicable", "pass", "fail", "review", "open", "informational"}


def read_sarif(text: str) -> dict:
    """Read SARIF; what breaks a rule of the standard (SARIF 2.1.0, section 3) that we touch fails the test."""
    log = json.loads(text)
    assert log.keys() == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    assert run.keys() <= {"tool", "invocations", "columnKind", "results", "properties"}
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    driver = run["tool"]["driver"]
    assert driver["name"]
    rules = driver["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.keys() <= {
            "id", "name", "shortDescription", "fullDescription", "help", "defaultConfiguration", "properties"
        }  # fmt: skip
        assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["name"])
        assert rule["shortDescription"]["text"]
        assert rule["defaultConfiguration"]["level"] in _LEVELS
    for invocation in run["invocations"]:
        assert type(invocation["executionSuccessful"]) is bool
        for note in invocation.get("toolExecutionNotifications", []):
            assert note["level"] in _LEVELS
            assert_plain(note["message"]["text"])
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in _LEVELS
        assert result["kind"] in _KINDS
        assert result["level"] == "none" or result["kind"] == "fail"
        assert_plain(result["message"]["text"])
        [location] = result["locations"]
        artefact = location["physicalLocation"]["artifactLocation"]
        assert re.fullmatch(r"[A-Za-z0-9%._~/-]+", artefact["uri"])
        assert not artefact["uri"].startswith("/")
        assert location["physicalLocation"]["region"]["startLine"] >= 1
        assert all(type(value) is str and value for value in result["partialFingerprints"].values())
    return log


def assert_plain(text: str) -> None:
    """A message is there, and has no placeholder and no link."""
    assert text
    assert not re.search(r"(?<!\{)\{(\{\{)*(?!\{)", text)
    assert "](" not in text.replace("\\](", "")


def results_of(text: str) -> list[dict]:
    found: list[dict] = read_sarif(text)["runs"][0]["results"]
    return found


def test_a_result_a_training_image():
    found = results_of(sarif(made_results(made_check(test_file="tests/a b.py", test_line=12))))
    assert [result["ruleId"] for result in found] == ["replication/replicated"] * 2
    where = found[0]["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"] == "tests/a%20b.py"
    assert where["region"] == {"startLine": 12}
    assert len({result["partialFingerprints"]["replication/v1"] for result in found}) == 2


def test_a_pass_has_no_results_and_succeeded():
    log = read_sarif(sarif(made_results(made_check(outcome="pass"))))
    assert log["runs"][0]["results"] == []
    assert log["runs"][0]["invocations"] == [{"executionSuccessful": True}]


@pytest.mark.parametrize(
    ("results", "rule"),
    [
        (made_results(), "no-check"),
        (made_results(outcome="error"), "error"),
        (made_results(made_check(outcome="pass"), faults=["lost"]), "error"),
        (made_results(made_check(outcome="inconclusive")), "inconclusive"),
        (made_results(outcome="fail"), "replicated"),
    ],
)
def test_what_did_not_pass_is_a_result(results, rule):
    log = read_sarif(sarif(results))
    [result] = log["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == (f"replication/{rule}", "error")
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is (rule not in ("error", "no-check"))


def test_a_run_that_found_copies_and_broke_down_did_not_succeed():
    errors = [{"test": "t.py::a", "message": "the index is damaged: see [this](https://evil.example) {0}"}]
    for broken in ({"errors": errors}, {"faults": ["lost"]}):
        log = read_sarif(sarif(made_results(made_check(), **broken)))
        assert log["runs"][0]["invocations"][0]["executionSuccessful"] is False
    assert read_sarif(sarif(made_results(made_check())))["runs"][0]["invocations"][0]["executionSuccessful"]


def test_what_was_only_measured_is_a_warning():
    found = results_of(sarif(made_results(made_check(asserted=False), made_check(2, "pass"), outcome="pass")))
    assert {result["level"] for result in found} == {"warning"}


def test_many_matches_are_cut_and_counted(monkeypatch):
    monkeypatch.setattr(sarif_module, "MOST", 500)
    pairs = [made_pair(k, training_sha256=f"{k:064d}") for k in range(1_500)]
    results = made_results(made_check(pairs=pairs))
    log = read_sarif(sarif(results))
    assert len(log["runs"][0]["results"]) == 500
    assert log["runs"][0]["properties"]["replication"]["resultsLeftOut"] == 1_000
    assert "1000 more" in log["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    issues = json.loads(gitlab(results))
    assert len(issues) == 1_000
    assert "501 more" in issues[-1]["description"]


def test_hostile_text_is_text():
    assert len(results_of(sarif(hostile_results()))) == 5


def test_gitlab_takes_the_report():
    issues = json.loads(
        gitlab(made_results(made_check(test_line=12), made_check(2, "inconclusive"), faults=["lost"]))
    )
    for issue in issues:
        assert issue.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["location"]["path"]
        assert not issue["location"]["path"].startswith(("/", "./"))
        assert issue["location"]["lines"]["begin"] >= 1
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    assert [issue["severity"] for issue in issues] == ["critical", "blocker", "major", "blocker"]


@pytest.mark.parametrize("results", [made_results(), made_results(outcome="error"), hostile_results()])
def test_gitlab_is_never_empty_unless_the_run_passed(results):
    assert json.loads(gitlab(results))
    assert json.loads(gitlab(made_results(made_check(outcome="pass")))) == []
