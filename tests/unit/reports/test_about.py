from __future__ import annotations

import pytest
from made_results import made_check, made_pair, made_results

from pytest_replication.reports.about import passed, severity, severity_of_pair
from pytest_replication.reports.html import html_report
from pytest_replication.reports.html.verdict import headline
from pytest_replication.reports.markdown import PAIRS, summary
from pytest_replication.reports.model_card import model_card

PASS = made_check(outcome="pass", samples=4)
TOLERATED = made_check(outcome="pass", samples=4, replicated=2, max_rate=0.97)
MEASURED = made_check(2, asserted=False, samples=4, replicated=1)
REPEATS = made_check(
    outcome="pass", kind="set", assertion="assert_no_duplicates_within", cells=[], warnings=[]
)
LEAK = made_check(outcome="pass", assertion="assert_no_leak")
CLOSER = made_check(outcome="pass", kind="set", assertion="assert_percentile_below", cells=[], warnings=[])
ACCEPTED = made_check(
    outcome="pass", samples=4, accepted={"file": "a", "matches": [{}], "expired": [], "unused": []}
)


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ([PASS], "1 check passed: none of 4 samples replicates a training image"),
        ([TOLERATED], "1 check passed: 2 of 4 samples replicate a training image, which is tolerated"),
        (
            [PASS, MEASURED],
            "1 check passed, 1 check that only measured did not: none of 4 samples replicates a training image; "
            "1 of 4 samples replicates a training image where that was only measured",
        ),
        ([REPEATS, LEAK], "2 checks passed; in none of them samples were compared with training images"),
        ([CLOSER], "1 check passed; in none of them samples were looked at one by one"),
        ([ACCEPTED], "1 check passed: none of 4 samples replicates a training image (1 match accepted)"),
    ],
)
def test_a_pass_says_what_was_found_and_in_every_report_the_same(checks, said):
    assert passed(checks) == said
    checks = [{**check, "id": f"t.py::t#{place}"} for place, check in enumerate(checks)]
    results = made_results(*checks, outcome="pass")
    assert summary(results).splitlines()[0] == f"## ✅ Replication: PASS: {said}"
    assert f"\n{said}.\n" in model_card(results)
    assert headline("pass", checks, {}) == f"{said}."


def test_how_bad_a_pair_is():
    check = made_check(objects={"points": 10})
    assert severity_of_pair(check, made_pair(score=0.75, threshold=0.5)) == 0.5
    assert severity_of_pair(check, made_pair(score=0.4, threshold=0.5)) == 0
    assert severity_of_pair(check, made_pair(score=0.1, part={"points": 40})) == 0.75
    assert severity_of_pair({"rule": "rmse", "limit": 0.2}, {"rmse": 0.05}) == 0.75
    assert severity(check) == severity_of_pair(check, made_pair(0))
    assert severity(made_check(outcome="pass")) == 0
    assert severity_of_pair({}, {"score": None, "part": {"points": "x"}, "threshold": True}) == 0


def test_the_worst_pair_of_each_check_is_in_the_summary():
    def pairs(count, score, name):
        return [
            made_pair(k, score=score - k / 1000, sample=f"{name}-{k}", training_sha256=f"{name}{k}")
            for k in range(count)
        ]

    mild = [made_check(test=f"t.py::test_{name}", pairs=pairs(25, 0.6, name)) for name in "abcdefghijk"]
    worst = made_check(test="t.py::test_z", pairs=pairs(1, 1.0, "exact"), message="the worst of all")
    told = summary(made_results(*mild, worst))
    assert told.count("### Pairs of") == 12
    assert told.index("exact-0") < told.index("a-0")
    assert "the worst of all" in told.split("<details>")[1]
    rows = [line for line in told.split("### Pairs", 1)[1].splitlines() if line.startswith("| score ")]
    assert len(rows) == PAIRS
    assert f"{11 * 25 + 1 - PAIRS} pairs" in told
    many = [made_check(test=f"t.py::test_{k:03d}", pairs=pairs(2, 0.6, str(k))) for k in range(PAIRS + 5)]
    assert summary(made_results(*many)).count("### Pairs of") == PAIRS


def test_the_page_tells_tests_that_were_skipped_and_a_red_run_without_a_reason():
    skipped = [{"test": "t.py::test_a", "message": "not today"}]
    page = html_report(made_results(PASS, skipped=skipped), budget=10**7)
    assert "t.py::test_a was skipped and has checked nothing: not today" in page
    assert "could not do its work" not in page
    assert "could not do its work" in html_report(made_results(PASS, exit_status=1), budget=10**7)
