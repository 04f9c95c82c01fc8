from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import HOSTILE, hostile_results, made_check, made_pair, made_results

from pytest_replication.reports.markdown import CAP, summary
from pytest_replication.reports.markdown_text import code, fenced, plain

SPAN = re.compile(r"`[^`\n]*`|<code>[^<>\n]*</code>")


def outside_code(text: str) -> str:
    """Markdown without its blocks and spans of code."""
    text = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return SPAN.sub("", text)


@pytest.mark.parametrize(
    ("outcome", "word"),
    [("pass", "PASS"), ("fail", "FAIL"), ("inconclusive", "INCONCLUSIVE"), ("error", "ERROR")],
)
def test_the_verdict_comes_first(outcome, word):
    told = summary(made_results(made_check(outcome="pass"), outcome=outcome))
    assert word in told.splitlines()[0]


def test_no_check_is_told_first():
    assert "NO CHECK" in summary(made_results()).splitlines()[0]


def test_it_shows_checks_and_pairs():
    told = summary(made_results(made_check(), made_check(2, "pass", test="tests/b.py::test_b")))
    rows = [line for line in told.splitlines() if line.startswith("| ")]
    assert "FAIL" in rows[2]
    assert "PASS" in rows[3]
    assert "score 0.981 | `sample-0` | `0` | `a cat` | `train/0.png` | `a cat on a sofa` | 2 |" in told
    assert "The message of the worst check" in told
    assert "Not shown" not in told


def test_ten_thousand_matches_stay_below_the_cap():
    pairs = [made_pair(k, sample=HOSTILE * 3, prompt=HOSTILE * 3, caption=HOSTILE * 9) for k in range(10_000)]
    told = summary(made_results(made_check(pairs=pairs)))
    assert len(told.encode()) < CAP
    assert "Not shown here: 9,980 pairs" in told


def test_thousands_of_checks_with_long_names_stay_below_the_cap():
    checks = [made_check(k, test=f"t.py::{HOSTILE}{k}", message=HOSTILE * 20) for k in range(3_000)]
    told = summary(made_results(*checks))
    assert len(told.encode()) < CAP
    assert "2,800 checks" in told


@given(st.integers(0, 12_000))
def test_every_cap_is_kept_and_the_verdict_is_the_last_to_go(cap):
    told = summary(made_results(made_check(), made_check(2, test="t.py::b"), faults=["a fault"]), cap)
    assert len(told.encode()) <= cap
    assert not told or "FAIL" in told.splitlines()[0]
    if cap > 2_000:
        assert "a fault" in told or "1 errors" in told
        assert told.count("<details>") == told.count("</details>")


def test_hostile_text_is_no_markup():
    told = summary(hostile_results())
    rest = outside_code(told)
    own = ("<details>", "<summary>", "</summary>", "</details>")
    assert "<" not in re.sub("|".join(own), "", rest)
    assert not re.search(r"[`\[\]]|www\.|://|@[a-z]|\x1b|\x00", rest)
    for block in re.split(r"\n\n+", rest):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1


@given(st.text())
def test_code_is_one_span_whatever_it_holds(text):
    told = code(text)
    assert told == "–" or SPAN.fullmatch(told)
    assert "|" not in told
    told.encode()


@given(st.text())
def test_plain_text_has_no_markup(text):
    told = plain(text)
    rest = re.sub(r"&(#\d+|lt|gt|amp);|(?<=[^\W_])_(?=[^\W_])|(?<=.)#\u200b", "", told)
    assert not set("`*_~[]<>|\\#\n!$") & set(rest)
    assert not re.search(r"(?<!\d):[\w+-]+:|://|@(?!\u200b)", told)
    assert "www." not in told.lower()
    told.encode()


@given(st.text(alphabet="`a\n|", max_size=40), st.integers(20, 60))
def test_a_fence_is_longer_than_any_in_it(text, most):
    first, *body, last = fenced(text, most).splitlines()
    assert first == f"{last}text"
    assert not any(line.lstrip().startswith(last) for line in body)


def test_one_line_that_is_too_long_is_cut_and_not_dropped():
    assert fenced("a" * 100, 10) == "```text\naaaaaaaaaa\n…\n```"
    assert fenced("`" * 100_000, 16_000).count("`") == 3 * 16_000 + 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tests/a.py::test_b#1: 0 of 4", "tests/a.py::test_b#\u200b1: 0 of 4"),
        ("rate <= 3 % & more", "rate &lt;= 3 % &amp; more"),
        ("say :tada: or :tada", "say &#58;tada: or &#58;tada"),
        ("_a_ and __init__ and a_b", "&#95;a&#95; and &#95;&#95;init&#95;&#95; and a_b"),
        ("# no heading", "&#35; no heading"),
        ("http://x.y and me@x.y", "http&#58;//x.y and me@\u200bx.y"),
    ],
)
def test_what_means_nothing_is_left_readable(text, told):
    assert plain(text) == told


def test_columns_with_nothing_in_them_are_left_out():
    empty = made_pair(seed=None, prompt=None, caption=None, copies=None)
    told = summary(made_results(made_check(pairs=[empty])))
    assert "|  | sample | training image |" in told


def test_pictures_are_shown_by_the_page_and_never_embedded():
    drawn = {"sample": "pictures/aa.webp", "training": "pictures/bb.webp"}
    told = summary(
        made_results(made_check(pairs=[made_pair(pictures=drawn)])), artefact="https://ci.example/run#a"
    )
    assert "webp" not in told
    assert "`report.html`, in [the artefacts of this run](https://ci.example/run#a)" in told
    assert "data:" not in told


def test_warnings_are_told_once():
    checks = [made_check(k) for k in range(3)]
    for check in checks:
        check["index"] = check["index"] | {"unproved": True}
    assert summary(made_results(*checks)).count("nothing proves that this embedder made them") == 1
