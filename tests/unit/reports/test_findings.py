from __future__ import annotations

import json

import pytest
from junit_rules import read_strictly
from made_results import made_check, made_pair, made_results

from pytest_replication.reports.findings import (
    RULES,
    headline,
    of_checks,
    of_pairs,
    ordered,
    outcome,
    place,
    relative,
)
from pytest_replication.reports.gitlab import gitlab
from pytest_replication.reports.junit import junit
from pytest_replication.reports.markdown import summary, warned
from pytest_replication.reports.model_card import model_card
from pytest_replication.reports.properties import properties
from pytest_replication.reports.sarif import sarif
from pytest_replication.results.private import without_private


@pytest.mark.parametrize("stated", ["fail", "error", "inconclusive", "none"])
def test_a_run_that_did_not_pass_is_never_without_a_finding(stated):
    results = made_results(outcome=stated)
    assert [finding.failing for finding in of_checks(results)] == [True]
    assert [finding.failing for finding in of_pairs(results, 10)[0]] == [True]


ENDED = {"test": "tests/test_a.py::test_b", "message": "has no verdict: out of memory", "kind": "test"}


@pytest.mark.parametrize(
    ("run", "rule", "said"),
    [
        ({"errors": [ENDED]}, "no-verdict", "has no verdict: out of memory"),
        ({"errors": [ENDED | {"kind": "gate"}]}, "error", "has no verdict: out of memory"),
        (
            {"exit_status": 1},
            "error",
            "the outcome of the run is error and its exit status 1, which nothing in its results explains",
        ),
    ],
)
def test_a_red_run_whose_checks_passed_is_never_without_a_finding(run, rule, said):
    results = made_results(made_check(outcome="pass"), **run)
    assert outcome(results) == "error"
    [finding] = of_checks(results)
    assert (finding.rule, finding.failing, finding.message) == (rule, True, said)
    assert of_pairs(results, 10)[0] == [finding]
    assert not summary(results).startswith("## ✅")
    assert json.loads(sarif(results))["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_tests_of_other_things_that_failed_are_one_finding():
    others = [{**ENDED, "test": f"t.py::test_{k}", "of_gate": False, "test_failed": True} for k in range(200)]
    results = made_results(made_check(outcome="pass"), errors=[*others, ENDED | {"of_gate": True}])
    first, second = of_checks(results)
    assert first.message.startswith(
        "200 tests that ask for no fixture of this package failed, this one first"
    )
    assert (first.test, first.failing, first.reported) == ("t.py::test_0", True, True)
    assert (second.test, second.message) == ("tests/test_a.py::test_b", "has no verdict: out of memory")
    assert outcome(results) == "error"


def test_a_test_that_was_skipped_is_a_warning():
    skipped = [{"test": "tests/test_a.py::test_b", "message": "not today"}, "no entry"]
    results = made_results(made_check(outcome="pass"), skipped=skipped)
    [finding] = of_checks(results)
    assert (finding.rule, finding.failing, finding.file) == ("no-check", False, "tests/test_a.py")
    assert finding.message == "skipped, so that it has checked nothing: not today"
    assert of_checks(made_results(made_check(outcome="pass"), skipped=3)) == []


def test_a_run_that_passed_has_none():
    results = made_results(made_check(outcome="pass"))
    assert outcome(results) == "pass"
    assert of_checks(results) == []
    assert of_pairs(results, 10) == ([], 0)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (made_results(made_check(outcome="fail"), outcome="pass"), "fail"),
        (made_results(made_check(outcome="inconclusive"), outcome="pass"), "inconclusive"),
        (made_results(made_check(outcome="pass"), faults=["checks were lost"]), "error"),
        (made_results(made_check(outcome="pass"), errors=[{"test": "t.py::a", "message": "m"}]), "error"),
        (made_results(made_check(outcome="fail"), faults=["x"], outcome="error"), "fail"),
        (made_results(made_check(outcome="fail", rerun=True), made_check(2, "pass"), outcome="pass"), "fail"),
        (
            made_results(made_check(outcome="fail", asserted=False), made_check(2, "pass"), outcome="pass"),
            "pass",
        ),
        (made_results(outcome="pass"), "none"),
        (made_results(), "none"),
    ],
)
def test_the_outcome_is_never_better_than_what_the_checks_say(results, expected):
    assert outcome(results) == expected


def test_what_was_only_measured_does_not_fail():
    found = of_checks(made_results(made_check(asserted=False), made_check(2, "pass"), outcome="pass"))
    assert [(finding.rule, finding.failing) for finding in found] == [("replicated", False)]
    assert "measured only" in found[0].message


def test_errors_faults_and_caught_errors_are_findings():
    errors = [{"test": "tests/test_a.py::test_b", "message": "there is no index"}]
    results = made_results(made_check(outcome="pass"), errors=errors, faults=["lost"], caught=["t.py::c"])
    told = {(finding.message, finding.file, finding.failing) for finding in of_checks(results)}
    assert ("there is no index", "tests/test_a.py", True) in told
    assert ("lost", "", True) in told
    assert any(file == "t.py" and not failing for _, file, failing in told)


def test_each_training_image_is_one_finding_with_the_number_of_its_samples():
    found, left_out = of_pairs(made_results(made_check()), 10)
    assert left_out == 0
    assert len(found) == 2
    assert "2 samples of it" in found[0].message


def test_an_undecided_pair_says_why_it_is_undecided():
    check = made_check(
        outcome="inconclusive", message="it cannot be told\nmore", undecided_pairs=[made_pair()]
    )
    [finding] = of_pairs(made_results(check), 10)[0]
    assert finding.message == "it cannot be told: sample-0 (seed 0) -> train/0.png (score 0.981)"


def test_the_worst_of_each_check_comes_before_a_second_one_of_any():
    many = made_check(pairs=[made_pair(k, training_sha256=f"{k:064d}") for k in range(50)])
    other = made_check(1, test="tests/test_other.py::test_other")
    found, left_out = of_pairs(made_results(many, other, faults=["lost"]), 3)
    assert left_out == 50
    assert found[0].message == "lost"
    assert {finding.file for finding in found[1:]} == {"tests/test_gate.py", "tests/test_other.py"}


def test_a_fingerprint_depends_on_the_test_and_the_training_image_alone():
    def fingerprints(**changes):
        return {finding.fingerprint for finding in of_pairs(made_results(made_check(**changes)), 9)[0]}

    usual = fingerprints()
    other_scores = [made_pair(k, score=0.7, sample=f"other-{k}") for k in range(3)]
    assert fingerprints(pairs=other_scores, seconds=9.0, message="other") == usual
    assert not fingerprints(test="tests/test_gate.py::test_other") & usual
    assert len(fingerprints(pairs=[made_pair(7, training_sha256="9" * 64)]) - usual) == 1


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "C:/x.py", "../x.py", "a/../../x.py", "a\\b.py", "a\nb.py", "", None]
)
def test_a_place_outside_the_repository_is_none(path):
    assert relative(path) == ""


def test_the_place_of_a_check():
    assert place(made_check(test_file="a/b.py", test_line=7)) == ("a/b.py", 7)
    assert place(made_check()) == ("tests/test_gate.py", 1)
    assert place(made_check(test="replication gate::no_replication", test_file=".")) == ("", 1)
    assert place(made_check(test="samples/")) == ("", 1)
    assert place(made_check(test_file="a.py", test_line=-3)) == ("a.py", 1)
    assert place(made_check(test_file="a.py", test_line=True)) == ("a.py", 1)


def test_headlines():
    assert headline(made_check()) == "3 of 256 samples replicate training images"
    assert headline(made_check(outcome="pass")).startswith(
        "none of 256 samples replicates a training image (highest"
    )
    assert headline(made_check(message="", kind="set", story="a story")) == "a story"
    assert headline(made_check(message="", kind="extraction", cells=["a", "b"])) == "a, b"
    private = without_private(made_results(made_check(kind="set", story="a story", cells=["a", "b"])).data)
    assert headline(private["checks"][0]) == "what it said was left out"


def test_a_private_warning_names_no_command_that_cannot_be_given():
    check = made_check(outcome="pass")
    check["index"] |= {"canaries": None}
    private = without_private(made_results(check).data)
    [said] = warned(private["checks"][0])
    assert "'pytest-replication info INDEX'" in said


def regressed(kind: str = "regression", change: str = "worse"):
    """A run that passed its limits and is worse than the last release."""
    measured = {"replicated": 0, "samples": 64, "rate": 0.0}
    change = {
        "id": "tests/test_gate.py::test_release#1",
        "change": change,
        "old": measured,
        "new": measured | {"replicated": 36, "rate": 0.5625},
        "new_images": [{}, {}],
    }
    baseline = {"outcome": "fail", "checks": [change]}
    check = made_check(outcome="pass", test_line=7)
    faults = [{"kind": kind, "text": "worse than the baseline old.json: a"}]
    return made_results(check, outcome="fail", faults=faults, baseline=baseline)


def test_a_regression_is_one_finding_of_its_own():
    [finding] = of_checks(regressed())
    assert (finding.rule, finding.failing, finding.line) == ("regression", True, 7)
    assert finding.message == (
        "worse than the last release: 0 of 64 (0 %) then, 36 of 64 (56.2 %) now, 2 new training images replicated"
    )


def test_a_regression_that_names_no_check_is_still_told():
    assert [finding.rule for finding in of_checks(regressed(change="same"))] == ["error"]
    assert {finding.rule for finding in of_checks(regressed(kind="lost"))} == {
        "regression",
        "error",
    }


def test_a_regression_in_every_format():
    results = regressed()
    told = summary(results)
    assert told.startswith("## ❌ Replication: FAIL: The model copies more than the last release did")
    assert (
        "| WORSE | `tests/test_gate.py::test_release#1` | 0 of 64 (0 %) then, 36 of 64 (56.2 %) now, 2 new"
        in told
    )
    assert "What could not be checked" not in told
    assert "**The model copies more than the last release did.**" in model_card(results)
    [failure] = read_strictly(junit(results)).iter("failure")
    assert failure.get("type") == "ReplicationDetected"
    assert json.loads(sarif(results))["runs"][0]["results"][0]["ruleId"] == "replication/regression"
    assert json.loads(gitlab(results))[0]["severity"] == "blocker"
    assert "copies training images" in summary(
        made_results(made_check(), baseline={"outcome": "fail", "checks": []})
    )


def a_set(number=1, assertion="assert_no_duplicates_within", outcome="fail", **changes):
    """A check of a set."""
    return made_check(
        number, outcome, kind="set", assertion=assertion, story=f"story {number}", cells=[], warnings=[], pairs=[], **changes
    )  # fmt: skip


RULES_OF_CHECKS = [
    (a_set(), "repeats"),
    (a_set(assertion="assert_percentile_below"), "closer"),
    (a_set(assertion="assert_no_data_copying"), "closer"),
    (made_check(assertion="assert_no_leak", check="leak"), "leak"),
    (made_check(kind="screen", assertion="assert_prompts_not_memorized", pairs=[]), "memorised"),
    (made_check(kind="extraction"), "replicated"),
]


@pytest.mark.parametrize(("check", "rule"), RULES_OF_CHECKS, ids=[rule for _, rule in RULES_OF_CHECKS])
def test_only_copies_are_called_copies(check, rule):
    results = made_results(check)
    assert {finding.rule for finding in (*of_checks(results), *of_pairs(results, 9)[0])} == {rule}
    assert summary(results).splitlines()[0] == f"## ❌ Replication: FAIL: {RULES[rule]}"
    assert f"**{RULES[rule]}.**" in model_card(results)
    assert {each["ruleId"] for each in json.loads(sarif(results))["runs"][0]["results"]} == {
        f"replication/{rule}"
    }
    assert {each["check_name"] for each in json.loads(gitlab(results))} == {f"replication/{rule}"}
    assert summary(made_results(check, made_check(2, test="t.py::b"))).startswith(
        "## ❌ Replication: FAIL: The model copies training images\n"
    )


def test_a_check_that_searched_nothing_was_compared_with_nothing():
    assert "compared with" not in model_card(made_results(a_set(searched=0)))
    assert "compared with" in model_card(made_results(a_set(searched=20)))


def test_checks_of_one_test_are_findings_of_their_own():
    for checks in (
        (a_set(1), a_set(2)),
        (a_set(1, check="a"), a_set(2, "assert_no_data_copying", check="a")),
    ):
        assert len(of_pairs(made_results(*checks), 9)[0]) == 2


@pytest.mark.parametrize("order", [1, -1])
def test_of_one_training_image_the_worst_pair_of_a_test_is_kept(order):
    mild, worst = (made_check(k, pairs=[made_pair(0, score=score)]) for k, score in ((1, 0.55), (2, 1.0)))
    [finding] = of_pairs(made_results(*[mild, worst][::order]), 9)[0]
    assert "score 1.000" in finding.message
    measured = made_check(2, asserted=False, pairs=[made_pair(0, score=1.0)])
    [finding] = of_pairs(made_results(*[mild, measured][::order]), 9)[0]
    assert (finding.failing, "score 0.550" in finding.message) == (True, True)


def test_the_worst_pair_comes_first_whatever_its_test_is_called():
    def pairs(*scores):
        return [made_pair(k, score=score, training_sha256=f"{k:064d}") for k, score in enumerate(scores)]

    checks = [
        made_check(test="t.py::a", pairs=pairs(0.6, 0.7)),
        made_check(test="t.py::z", pairs=pairs(0.9, 0.95)),
    ]
    found = of_pairs(made_results(*checks), 9)[0]
    assert [finding.message.partition("score ")[2][:5] for finding in found] == [
        "0.950",
        "0.700",
        "0.900",
        "0.600",
    ]
    points = made_check(
        test="t.py::c", objects={"points": 8}, pairs=[made_pair(part={"points": 400}, score=0.1)]
    )
    distances = made_check(
        test="t.py::d", kind="extraction", limit=0.2, rule="rmse", pairs=[made_pair(score=None, rmse=0.001)]
    )
    order = [check["test"] for check in ordered(made_results(*checks, points, distances))]
    assert order == ["t.py::d", "t.py::c", "t.py::z", "t.py::a"]


def test_tolerated_copies_are_warnings():
    check = made_check(
        outcome="pass", replicated=3, max_rate=0.5, pairs=[made_pair(place) for place in range(3)]
    )
    results = made_results(check)
    assert [(finding.rule, finding.failing) for finding in of_checks(results)] == [("replicated", False)]
    found = of_pairs(results, 9)[0]
    assert [(finding.rule, finding.failing) for finding in found] == [("replicated", False)] * 2
    assert "tolerated" in found[0].message
    assert {each["level"] for each in json.loads(sarif(results))["runs"][0]["results"]} == {"warning"}
    assert {each["severity"] for each in json.loads(gitlab(results))} == {"minor"}
    assert outcome(results) == "pass"


MATCH = {
    "reason": "a logo",
    "by": "A. Person",
    "decided": "2026-11-01",
    "expires": "2027-11-01",
    "part": None,
}


def test_accepted_matches_are_told():
    book = {
        "file": "accepted.toml",
        "matches": [made_pair(0) | MATCH, made_pair(1) | MATCH],
        "expired": [],
        "unused": [],
    }
    check = made_check(outcome="pass", accepted=book)
    assert headline(check).endswith("threshold 0.5), 2 matches accepted")
    results = made_results(check)
    told = summary(results)
    assert "replicates a training image (2 matches accepted)" in told.splitlines()[0]
    section = told.split("### Matches that people have accepted")[1]
    for said in ("score 0.981", "train/1.png", "a logo", "A. Person", "2027-11-01"):
        assert said in section, said
    assert properties(check)["replication_accepted"] == "2"
    assert "replication_accepted" not in properties(made_check())
    expired = made_check(accepted=book | {"matches": [], "expired": [made_pair(0) | MATCH]})
    assert "expired and counted again" in summary(made_results(expired))
    assert "### Matches that people" not in summary(made_results(made_check()))
