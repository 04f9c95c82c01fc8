"""How scores are written: never as 1.000 or as the threshold where they are not."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made_results import made_check, made_pair, made_results

from pytest_replication.reports.gitlab import gitlab
from pytest_replication.reports.html import html_report
from pytest_replication.reports.html.compared import compared_html, new_since
from pytest_replication.reports.html.histogram import histogram
from pytest_replication.reports.junit import junit
from pytest_replication.reports.markdown import summary
from pytest_replication.reports.model_card import model_card
from pytest_replication.reports.sarif import sarif
from pytest_replication.score_text import score_text

SCORES = st.floats(-1, 1)


@pytest.mark.parametrize(
    ("score", "threshold", "told"),
    [
        (1.0, 0.5, "1.000"),
        (0.9994, None, "0.999"),
        (0.9995, None, "0.9995"),
        (0.999996, 0.5, "0.999996"),
        (0.49996, 0.5, "0.49996"),
        (0.5, 0.5, "0.500"),
        (0.4994, 0.5, "0.499"),
        (0.9963, 0.996248, "0.9963"),
        (0.484375, 0.484375, "0.4844"),
        (-1.0, None, "-1.000"),
    ],
)
def test_three_digits_or_as_many_as_it_takes(score: float, threshold: float | None, told: str) -> None:
    assert score_text(score, threshold) == told


def test_a_score_that_no_digits_tell_is_written_as_a_number_of_numpy_is_not() -> None:
    assert score_text(np.float64(0.9999999999999), 0.5) == "0.9999999999999"


@given(SCORES, SCORES)
@example(0.9999999999999, 1.0)
@example(0.5, 0.5000000001)
def test_what_is_written_stands_where_the_score_does(score: float, threshold: float) -> None:
    text = score_text(score, threshold)
    told = float(text)
    assert abs(told - score) <= 5.01e-4
    assert (told < 1) == (score < 1)
    assert (told >= threshold) == (score >= threshold)
    assert score == threshold or text != f"{threshold:.3f}"


def test_no_report_writes_a_score_as_1_or_as_the_threshold() -> None:
    pairs = [
        made_pair(0) | {"score": 0.9995, "threshold": 0.5},
        made_pair(1) | {"score": 0.50004, "threshold": 0.5},
    ]
    near = [made_pair(2) | {"score": 0.49996, "threshold": 0.5}]
    check = made_check(pairs=pairs, near_pairs=near, replicated=2, scores=[0.9995, 0.5001, 0.4999], samples=3)
    check |= {"worst_score": 0.9995, "closest_score": 0.9995}
    image = {"score": 0.9995, "other": 0.49996, "uri": "a.png", "sha256": None, "samples": 1}
    change = {"id": check["id"], "change": "worse", "new": {"threshold": 0.5}, "new_images": [image]}
    results = made_results(check)
    run = {"baseline": {"checks": [change], "level": 0.05}}
    told = [
        summary(results),
        junit(results),
        model_card(results),
        sarif(results),
        gitlab(results),
        histogram(check, "h"),
        compared_html(run, {}),
        str(new_since(run)),
        re.sub(r"<(style|script).*?</\1>", "", html_report(results, budget=10**7), flags=re.DOTALL),
    ]
    for text in told:
        assert not re.search(r"\b1\.000\b|\b0\.500\b", text)
    assert "0.9995" in " ".join(told)
    assert "0.49996" in compared_html(run, {})
