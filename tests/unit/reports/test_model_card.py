from __future__ import annotations

import re

import pytest
from made_results import hostile_results, made_check, made_results

from pytest_replication.reports.model_card import model_card

SPAN = re.compile(r"`[^`\n]*`|<code>[^<>\n]*</code>")


def test_it_says_what_was_tested_and_what_not():
    told = model_card(made_results(made_check(outcome="pass", prompts_source="prompts.txt")))
    for expected in (
        "No check found copies",
        "256 of `my_model:generate`, 256 of them distinct",
        "prompts",
        "from 0 on (default)",
        "at most 3.4 % (95 % confidence",
        "0.5 (default of sscd)",
        "60,000 training images, all of them (exact); index fingerprint `" + "cd" * 32,
        "`sscd`, sscd-320, weights `efefefefefef`",
        "16 of 16 planted copies found in this check; 55 of 60 edited copies",
        "Measured 2026-11-29T12:00:00",
        "pytest-replication 0.1.0, commit `121212121212`",
        "### What this does not show",
        "samples were compared as a whole",
    ):
        assert expected in told


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (made_results(made_check()), "The model copies training images"),
        (made_results(made_check(outcome="inconclusive")), "This is no pass"),
        (made_results(made_check(outcome="pass"), faults=["lost"]), "Nothing is known"),
        (made_results(), "No check was made"),
        (made_results(made_check(rerun=True), made_check(2, "pass"), outcome="fail"), "The model copies"),
    ],
)
def test_what_did_not_pass_is_no_evidence(results, words):
    told = model_card(results)
    assert words in told.splitlines()[2]
    assert "No check found copies" not in told


def test_copies_of_a_run_that_was_repeated_stay_on_the_card():
    told = model_card(made_results(made_check(rerun=True), made_check(2, "pass"), outcome="fail"))
    assert "FAIL: 3 of 256" in told


def test_no_control_and_approximate_engines_are_told():
    check = made_check(outcome="pass", search={"engine": "faiss-ivf", "recall": 0.999})
    check["control"] |= {"asked": 0}
    check["index"] |= {"rejected": 12}
    told = model_card(made_results(check))
    assert "none: nothing shows that copies would have been found" in told
    assert "by faiss-ivf with a recall above 99.9 %" in told
    assert "12 could not be read, and were not compared" in told


def test_a_false_discovery_rate_proves_no_rate():
    told = model_card(made_results(made_check(outcome="pass", fdr=0.01, fdr_source="call")))
    assert "none is proved" in told
    assert "false discovery rate 0.01 (call)" in told


def test_hostile_text_is_no_markup():
    rest = SPAN.sub("", model_card(hostile_results()))
    assert not re.search(r"[`\[\]<>]|www\.|://|@[a-z]|\x1b|\x00", rest)
    rows = [line for line in rest.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {3}
