from __future__ import annotations

import json

import pytest
from made_results import made_check, made_pair, made_results

from pytest_replication.reports.finding import RULES
from pytest_replication.reports.findings import of_checks, of_pairs
from pytest_replication.reports.gitlab import gitlab
from pytest_replication.reports.headlines import headline
from pytest_replication.reports.markdown import summary, warned
from pytest_replication.reports.model_card import model_card
from pytest_replication.reports.outcome import ordered, outcome
from pytest_replication.reports.properties import properties
from pytest_replication.reports.sarif import sarif
from pytest_replication.results.private import without_private


@pytest.mark.parametrize("stated", ["fail", "error", "inconclusive", "none"])
def test_a_run_that_did_not_pass_is_never_without_a_finding(stated):
    results = made_results(outcome=stated)
    assert [finding.failing for finding in of_checks(results)] == [True]
    assert [finding.failing for finding in of_pairs(results, 10)[0]] == [True]


def test_a_run_that_passed_has_none():
    results = made_results(made_check(outcome="pass"))
    assert outcome(results) == "pass"
    assert of_checks(results) == []
    assert of_pairs(results, 10) == ([], 0)


def test_what_was_only_measured_does_not_fail():
    found = of_checks(made_results(made_check(asserted=False), made_check(2, "pass"), outcome="pass"))
    assert [(finding.rule, finding.failing) for finding in found] == [("replicated", False)]
    assert "measured only" in found[0].message


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


def test_a_private_warning_names_no_command_that_cannot_be_given():
    check = made_check(outcome="pass")
    check["index"] |= {"canaries": None}
    private = without_private(made_results(check).data)
    [said] = warned(private["checks"][0])
    assert "'pytest-replication info INDEX'" in said


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
