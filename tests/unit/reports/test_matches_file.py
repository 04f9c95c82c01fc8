from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_replication.errors import IndexMismatch, MatchesFileError, SearchError
from pytest_replication.index import Record
from pytest_replication.judging import judge
from pytest_replication.objects import ObjectRule
from pytest_replication.policy import Policy
from pytest_replication.reports import matches_file
from pytest_replication.reports.matches_file import read_matches, save_matches
from pytest_replication.sealed import digest
from pytest_replication.search import Match, Matches, SearchedBy, Subject
from pytest_replication.verdicts import Outcome, Verdict

TEXT = st.text(max_size=8)
SHA256 = st.text("0123456789abcdef", min_size=64, max_size=64)
RECORDS = st.builds(
    Record,
    id=TEXT,
    uri=TEXT,
    sha256=st.none() | SHA256,
    width=st.none() | st.integers(1, 9999),
    height=st.none() | st.integers(1, 9999),
    caption=st.none() | TEXT,
    label=st.none() | TEXT,
    version=st.none() | TEXT,
)
CERTIFIED = SearchedBy("faiss-ivf", 0.9991, 0.5, 3000, 1, 0.95)


@st.composite
def measured(draw: st.DrawFn) -> Matches:
    samples, kept = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    records = draw(st.lists(RECORDS, min_size=3, max_size=3))
    of = []
    for sample in range(samples):
        scores = sorted(draw(st.lists(st.floats(-1, 1), min_size=kept, max_size=kept)), reverse=True)
        of.append(
            tuple(
                Match(
                    sample, score, row, records[row], draw(TEXT), "whole", draw(st.none() | st.integers(1, 9))
                )
                for row, score in enumerate(scores)
            )
        )
    subject = Subject(
        samples=tuple(draw(TEXT) for _ in range(samples)),
        source=draw(TEXT),
        index=draw(TEXT),
        rejected=draw(st.integers(0, 9)),
        fingerprint=draw(SHA256),
        embedder="toy",
        preprocessing=draw(TEXT),
        weights_sha256=draw(st.none() | SHA256),
        seeds=tuple(range(samples)) if draw(st.booleans()) else (),
        distinct=draw(st.integers(1, samples)),
        sample_sha256=tuple(draw(SHA256) for _ in range(samples)) if draw(st.booleans()) else (),
    )
    by = draw(st.sampled_from([SearchedBy(), SearchedBy(note="why"), CERTIFIED]))
    return Matches(tuple(of), draw(st.integers(kept, 10**7)), subject, by)


@settings(deadline=None, max_examples=25)
@given(measured(), st.floats(-0.99, 1), st.floats(0, 0.5), st.sampled_from([0.9, 0.95]))
def test_what_is_read_is_judged_as_what_was_measured(
    tmp_path_factory: pytest.TempPathFactory, matches: Matches, threshold: float, rate: float, sure: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.json"
    policies = [
        Policy(-0.999, "ini file", rate, "marker", sure),
        Policy(threshold),
        Policy(0.5, max_rate=rate),
    ]
    save_matches(path, judge(replace(matches, by=SearchedBy()), policies[0]))
    assert read_matches(path).policy == policies[0]
    save_matches(path, Verdict(Outcome.FAIL, policies[0], matches, (), 1, 0))
    found = read_matches(path)
    assert found.matches == matches
    for policy in policies:
        assert _answer(found.matches, policy) == _answer(matches, policy)


def _answer(matches: Matches, policy: Policy) -> object:
    try:
        return judge(matches, policy)
    except SearchError as error:
        return str(error)


def matches_of(*scores: float, unproved: bool = False, by: SearchedBy | None = None) -> Matches:
    subject = Subject(
        tuple(f"s{i}" for i in range(len(scores))),
        "out",
        "index",
        0,
        "f" * 64,
        "toy",
        "p",
        None,
        seeds=tuple(range(len(scores))),
        unproved=unproved,
        distinct=len(scores),
        sample_sha256=("a" * 64,) * len(scores),
    )
    of = tuple(
        tuple(
            Match(i, score - rank / 10, rank, Record("t", "/t", "b" * 64, 1, 1), "whole", "whole")
            for rank in (0, 1)
        )
        for i, score in enumerate(scores)
    )
    return Matches(of, 10, subject, by or SearchedBy())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    save_matches(path, judge(matches_of(0.9, 0.1), Policy(0.5)))
    return path


def test_the_file_says_where_its_matches_come_from(run: Path) -> None:
    stored = read_matches(run).matches.stored
    assert stored is not None
    assert (stored.path, len(stored.sha256)) == (str(run), 64)
    assert stored.written.endswith("+00:00")


def test_small_pictures_are_left_out(tmp_path: Path) -> None:
    matches = matches_of(0.9)
    ((best, second),) = matches.of
    picture = replace(best, record=replace(best.record, thumbnail=b"webp"))
    verdict = judge(replace(matches, of=((picture, second),)), Policy(0.5))
    save_matches(tmp_path / "run.json", verdict)
    assert read_matches(tmp_path / "run.json").matches == matches


def test_leave_to_pass_on_unproved_vectors_is_not_kept(tmp_path: Path) -> None:
    verdict = judge(matches_of(0.1, unproved=True), Policy(0.5, allow_unproved=True))
    save_matches(tmp_path / "run.json", verdict)
    saved = read_matches(tmp_path / "run.json")
    with pytest.raises(IndexMismatch):
        judge(saved.matches, saved.policy)


def test_the_rule_of_parts_keeps_the_name_of_its_number_in_files(tmp_path: Path) -> None:
    policy = Policy(0.5, objects=ObjectRule(9, "call", 0.01, ("the default", 12)))
    verdict = replace(judge(matches_of(0.1), Policy(0.5)), policy=policy)
    save_matches(tmp_path / "run.json", verdict)
    stored = json.loads((tmp_path / "run.json").read_bytes())["policy"]["objects"]
    assert stored == {
        "inliers": 9,
        "source": "call",
        "false_rate": 0.01,
        "overridden": ["the default", 12],
    }
    assert read_matches(tmp_path / "run.json").policy == policy


@pytest.mark.parametrize("threshold", [0.3, 0.7])
def test_a_certificate_holds_at_its_threshold_only(tmp_path: Path, threshold: float) -> None:
    save_matches(tmp_path / "run.json", judge(matches_of(0.1, by=CERTIFIED), Policy(0.5)))
    matches = read_matches(tmp_path / "run.json").matches
    assert judge(matches, Policy(0.5)).passed
    with pytest.raises(SearchError, match="has no certificate"):
        judge(matches, Policy(threshold))


def test_every_damage_is_noticed(run: Path) -> None:
    whole = run.read_bytes()
    for place in range(0, len(whole) - 1, 17):
        run.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(MatchesFileError):
            read_matches(run)


@pytest.mark.parametrize("length", [0, 1, 100, -2])
def test_a_file_that_was_cut_is_refused(run: Path, length: int) -> None:
    run.write_bytes(run.read_bytes()[:length])
    with pytest.raises(MatchesFileError, match="run.json"):
        read_matches(run)


def _each(body: dict[str, Any], column: str, value: object, sample: int = 0, rank: int = 0) -> None:
    body["of"]["rows"][sample][rank][body["of"]["columns"].index(column)] = value


FORGED: dict[str, Callable[[dict[str, Any]], object]] = {
    "its table of Match has other columns": lambda b: b["of"]["columns"].reverse(),
    "its table of Record has other columns": lambda b: b.update(records=[]),
    "a row has 1 values": lambda b: b["of"]["rows"][0].__setitem__(0, [1]),
    "it has other keys": lambda b: b.pop("by"),
    "it has other keys than": lambda b: b.update(extra=1),
    "Subject has no 'distinct'": lambda b: b["subject"].pop("distinct"),
    "Policy has no 'threshold'": lambda b: b["policy"].pop("threshold"),
    "Policy knows no 'allow_unproved'": lambda b: b["policy"].update(allow_unproved=True),
    "threshold 5.0": lambda b: b["policy"].update(threshold=5.0),
    "'high' is no finite number": lambda b: _each(b, "score", "high"),
    "None is no finite number": lambda b: _each(b, "score", None),
    "a score of sample 0 is no cosine": lambda b: _each(b, "score", 1.5),
    "the pixels of sample 0 have no such correlation": lambda b: _each(
        b, "pixels", {"rmse": 0.1, "tiled": 0.2, "side": 32, "source": "index", "alike": 1.5}
    ),
    "row 7 was added to the matches": lambda b: b["more"].update(
        low=[{"sample": 0, "why": "flat", "added": 7}]
    ),
    "sample 0 are not in the order": lambda b: _each(b, "score", -0.5),
    "sample 1 are not in the order": lambda b: _each(b, "row", 1, sample=1),
    "belongs to another": lambda b: _each(b, "sample", 1),
    "or to no row": lambda b: _each(b, "row", -1),
    "there is no record 9": lambda b: _each(b, "record", 9),
    "there is no record -1": lambda b: _each(b, "record", -1),
    "True is no int": lambda b: _each(b, "record", True),
    "it holds no samples": lambda b: b["of"].update(rows=[]),
    "sample 1 has 0 matches": lambda b: b["of"]["rows"].__setitem__(1, []),
    "2 matches of 1 training": lambda b: b.update(searched=1),
    "0 rows of the index": lambda b: b.update(searched=0),
    "2 samples have 1 names": lambda b: b["subject"]["samples"].pop(),
    "2 samples have 1 seeds": lambda b: b["subject"]["seeds"].pop(),
    "2 samples have 1 sums": lambda b: b["subject"]["sample_sha256"].pop(),
    "is no sha256": lambda b: b["subject"]["sample_sha256"].__setitem__(0, "x"),
    "3 of 2 samples are distinct": lambda b: b["subject"].update(distinct=3),
    "a negative number": lambda b: b["subject"].update(removed=-1),
    "an exact search overlooks nothing": lambda b: b["by"].update(recall=0.5),
    "2.0 is no recall": lambda b: b["by"].update(engine="annoy", recall=2.0),
    "said of the recall": lambda b: b["by"].update(engine="annoy", confidence=0.0),
    "p-values of": lambda b: b["more"].update(p_values=[0.5]),
    "not every match behind": lambda b: b["more"].update(p_values=[0.5, 0.5], p_behind=[[0.5], []]),
    "a p-value is none": lambda b: b["more"].update(p_values=[0.0] * len(b["of"]["rows"])),
    "other parts": lambda b: b["more"].update(unknown=1),
    "there are matches of parts that nobody looked for": lambda b: b.update(parts=[[], []]),
}
FORGED["Matches knows no 'unknown'"] = FORGED.pop("other parts")


@pytest.mark.parametrize("reason", FORGED)
def test_what_no_search_finds_is_refused_even_under_a_right_digest(run: Path, reason: str) -> None:
    body = json.loads(run.read_text())
    del body["sha256"]
    FORGED[reason](body)
    run.write_text(json.dumps({**body, "sha256": digest(body)}))
    with pytest.raises(MatchesFileError, match=reason):
        read_matches(run)


def test_numbers_that_are_none_are_refused_by_their_name(run: Path) -> None:
    for name in ("NaN", "Infinity", "1e999"):
        body = json.loads(run.read_text())
        del body["sha256"]
        _each(body, "score", float(name))
        text = json.dumps({**body, "sha256": digest(body)}).replace("Infinity", name)
        run.write_text(text)
        with pytest.raises(MatchesFileError, match=r"finite number|digest"):
            read_matches(run)
        save_matches(run, judge(matches_of(0.9, 0.1), Policy(0.5)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[1]", "it is no object"),
        ('{"a": 1, "a": 2}', "a key stands in it twice"),
        ("[" * 100_000, "no sound file of matches"),
        ("{}", "is in format None of matches"),
        ('{"format": 99}', "is in format 99 of matches, this version reads format 1: write it again"),
    ],
)
def test_another_file_is_refused(run: Path, text: str, reason: str) -> None:
    run.write_text(text)
    with pytest.raises(MatchesFileError, match=reason):
        read_matches(run)


def test_a_file_that_is_missing_a_folder_or_too_large_is_refused(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MatchesFileError, match="there is no file of matches at"):
        read_matches(tmp_path / "other.json")
    with pytest.raises(MatchesFileError, match="not a regular file"):
        read_matches(tmp_path)
    monkeypatch.setattr(matches_file, "MAX_BYTES", 500)
    with pytest.raises(MatchesFileError, match="more than 500 bytes"):
        read_matches(run)
    with pytest.raises(MatchesFileError, match=r"more than the 500 of a file of matches"):
        save_matches(run, judge(matches_of(0.9), Policy(0.5)))
    assert run.stat().st_size > 500  # the earlier one stays


def test_a_score_that_is_none_is_not_written(tmp_path: Path) -> None:
    verdict = judge(matches_of(0.9), Policy(0.5))
    ((best, second),) = verdict.matches.of
    broken = replace(verdict.matches, of=((replace(best, score=float("nan")), second),))
    with pytest.raises(MatchesFileError, match="score: nan is no finite number"):
        save_matches(tmp_path / "run.json", replace(verdict, matches=broken))
    with pytest.raises(MatchesFileError, match="cannot be written"):
        save_matches(tmp_path / "no" / "run.json", verdict)
    assert list(tmp_path.iterdir()) == []
