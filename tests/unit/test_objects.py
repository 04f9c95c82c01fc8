"""Parts are judged by their points: what reaches the rule fails, what was not looked at passes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pytest_replication.accepted import Acceptance, Accepted
from pytest_replication.controls.judged_parts import PartControl
from pytest_replication.errors import ControlFailed, SearchError, SettingsError
from pytest_replication.index import Record
from pytest_replication.judging import judge, reached, unused_entries
from pytest_replication.objects import ObjectRule
from pytest_replication.policy import Policy
from pytest_replication.reports.data import verdict_data
from pytest_replication.reports.matches_checks import check_matches
from pytest_replication.reports.matches_file import read_matches, save_matches
from pytest_replication.reports.text import headline, render
from pytest_replication.reports.words import objects_words
from pytest_replication.scoring.geometry import Alignment
from pytest_replication.scoring.tones import Tones
from pytest_replication.search import Match, Matches, Subject
from pytest_replication.search.match import PartMatch
from pytest_replication.search.matches import LowInformation
from pytest_replication.search.objects_found import ObjectsFound
from pytest_replication.search.sightings import PartSighting, PartSightings, Sighting, Sightings
from pytest_replication.verdicts import Outcome

RECORDS = [Record(f"t{row}", f"/t{row}", f"{row}" * 64, 1, 1) for row in range(9)]
POLICY = Policy(0.5, objects=ObjectRule(8))
DAY = date(2026, 1, 1)


def part(sample: int, points: int, row: int) -> Match:
    corners = ((0.1, 0.2), (0.5, 0.2), (0.5, 0.6))
    alignment = Alignment(points, points, points, 0.9, Tones(0.5, 0.3), 0.1, True, 1.2, 5.0, corners, corners)
    two = PartMatch(alignment, "index")
    return Match(sample, 0.4, row, RECORDS[row], "quarter 1 of 4", "whole", part=two)


def matches_of(
    scores: Sequence[float], points: Sequence[Sequence[int]], unchecked: Sequence[int] = ()
) -> Matches:
    """Samples of these scores with row 0; parts of each with these points, with rows from 1 on."""
    n = len(scores)
    names, sums = tuple(f"s{i}" for i in range(n)), tuple(chr(97 + i) * 64 for i in range(n))
    subject = Subject(names, "test", "index", 0, "f", "toy", "p", None, sample_sha256=sums)
    of = tuple((Match(i, score, 0, RECORDS[0], "whole", "whole"),) for i, score in enumerate(scores))
    parts = tuple(
        tuple(part(i, count, row) for row, count in enumerate(each, 1)) for i, each in enumerate(points)
    )
    told = tuple(unchecked) or (0,) * n
    found = ObjectsFound(parts, told, (500,) * n, 10 * n, 10, "ninths", True, 1024, 7.5, 0.5, 1.0)
    return Matches(of, 10, subject, objects=found)


def test_a_part_with_enough_points_fails_and_one_with_fewer_passes() -> None:
    assert judge(matches_of([0.1, 0.2], [[7], []]), POLICY).outcome is Outcome.PASS
    verdict = judge(matches_of([0.1, 0.2, 0.3], [[9, 3], [], [41, 8]]), POLICY)
    assert verdict.outcome is Outcome.FAIL
    assert [(m.sample, m.row, m.kind, m.points) for m in verdict.replicated] == [
        (2, 1, "object", 41),
        (0, 1, "object", 9),
    ]
    assert verdict.tally.replicated == 2


def test_a_sample_whose_score_speaks_is_counted_once() -> None:
    verdict = judge(matches_of([0.9, 0.1], [[50], [8]]), POLICY)
    assert [(m.sample, m.kind, m.points) for m in verdict.replicated] == [(0, "whole", 0), (1, "object", 8)]


def test_the_part_of_a_sample_whose_score_speaks_is_told_beside_it() -> None:
    found = matches_of([0.9, 0.8, 0.1], [[50, 9], [30], []])
    verdict = judge(found, POLICY)
    assert [(m.sample, m.row, m.points) for m in verdict.beside] == [(0, 1, 50), (1, 1, 30)]
    assert verdict.tally.replicated == 2
    first, _ = verdict_data(verdict)["pairs"]
    assert (first["kind"], first["part"], first["elsewhere"]["training_uri"]) == (
        "whole",
        None,
        RECORDS[1].uri,
    )
    assert first["elsewhere"]["part"]["points"] == 50
    text = render(verdict)
    assert "2 of 3 samples replicate training images" in text
    assert "2 of them by a part, too" in text
    assert "part      50 points alike, at 10 to 50 % of the width, 20 to 60 % of the height\n" in text
    assert f"of {RECORDS[1].uri}, which is likelier the original, at 10 to 50 %" in text


def test_the_part_of_the_training_image_that_the_score_names_is_told_first() -> None:
    found = matches_of([0.9], [[50, 9]])
    same = replace(found, of=tuple((replace(m[0], row=2, record=RECORDS[2]),) for m in found.of))
    verdict = judge(same, POLICY)
    assert [(m.row, m.points) for m in verdict.beside] == [(2, 9)]
    (pair,) = verdict_data(verdict)["pairs"]
    assert (pair["kind"], pair["part"]["points"], pair["elsewhere"]) == ("whole", 9, None)
    assert "likelier" not in render(verdict)


@pytest.mark.parametrize(
    ("scores", "points", "said"),
    [
        ([0.1, 0.1], [[7], []], "0 by a part alone; at most 7 points alike, 8 are enough (default)"),
        (
            [0.9, 0.1],
            [[50], [9]],
            "1 by a part alone, 1 by a part, too; at most 50 points alike, 8 are enough",
        ),
    ],
)
def test_a_check_says_in_one_line_what_parts_did(
    scores: list[float], points: list[list[int]], said: str
) -> None:
    data = verdict_data(judge(matches_of(scores, points), POLICY))
    assert objects_words(data).startswith(said)
    assert objects_words(verdict_data(judge(matches_of(scores, points), Policy(0.5)))) == ""


def test_whole_images_alone_are_judged_without_a_rule() -> None:
    verdict = judge(matches_of([0.1], [[50]]), Policy(0.5))
    assert verdict.outcome is Outcome.PASS
    assert verdict_data(verdict)["objects"] is None


def test_nothing_passes_where_parts_were_not_looked_for() -> None:
    whole = matches_of([0.1], [[]])
    with pytest.raises(SearchError, match="were not looked for: nothing can pass"):
        judge(replace(whole, objects=None), POLICY)
    of_two = matches_of([0.1, 0.1], [[], []]).objects
    assert of_two is not None
    with pytest.raises(SearchError, match="parts of 2 of 1 samples were looked at"):
        judge(replace(whole, objects=of_two), POLICY)
    with pytest.raises(SearchError, match="nothing can pass"):
        judge(replace(whole, objects=replace(of_two, of=of_two.of[:1], features=(1,))), POLICY)
    assert whole.objects is not None
    with pytest.raises(SearchError, match="nothing can pass"):
        judge(replace(whole, objects=replace(whole.objects, searched=0)), POLICY)


@pytest.mark.parametrize("max_rate", [0.0, 0.9])
def test_one_pair_that_was_not_looked_at_lets_nothing_pass(max_rate: float) -> None:
    found = matches_of([0.1] * 20, [[]] * 20, [0] * 19 + [1])
    verdict = judge(found, replace(POLICY, max_rate=max_rate))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.unchecked == (19,)
    assert verdict.needed is None
    assert verdict.rate_upper > judge(matches_of([0.1] * 20, [[]] * 20), POLICY).rate_upper
    text = render(verdict)
    assert "parts of 1 sample were not checked" in text.splitlines()[0]
    assert "to settle  1 pair could not be compared, since index holds no local features" in text


def test_what_is_replicated_needs_no_further_look() -> None:
    found = judge(matches_of([0.9, 0.1], [[], [9]], [1, 1]), POLICY)
    assert found.outcome is Outcome.FAIL
    assert found.unchecked == ()


def test_a_part_tells_of_a_sample_of_which_pixels_do_not() -> None:
    found = replace(matches_of([0.9, 0.1], [[], []]), low=(LowInformation(0, "flat"),))
    assert judge(found, POLICY).undecided
    told = replace(found, objects=matches_of([0.9, 0.1], [[12], []]).objects)
    verdict = judge(told, POLICY)
    assert (verdict.outcome, verdict.undecided) == (Outcome.FAIL, ())
    assert verdict.replicated[0].kind == "object"


def accepting(*pairs: tuple[str, str], today: date = DAY) -> Accepted:
    entries = tuple(
        Acceptance(sample * 64, training * 64, "seen", "me", DAY, DAY, "s", "t") for sample, training in pairs
    )
    return Accepted(entries, "accepted.toml", today)


def test_accepted_pairs_do_not_count_and_the_next_part_does() -> None:
    found = matches_of([0.1], [[20, 9]])
    one = judge(found, replace(POLICY, accepted=accepting(("a", "1"))))
    assert [(m.row, m.points) for m in one.replicated] == [(2, 9)]
    assert [(m.row, m.points) for m in one.accepted] == [(1, 20)]
    assert one.unused == ()
    both = judge(found, replace(POLICY, accepted=accepting(("a", "1"), ("a", "2"), ("a", "3"))))
    assert both.outcome is Outcome.PASS
    assert len(both.unused) == 1
    assert verdict_data(both)["accepted"]["matches"][0]["part"]["points"] == 20
    assert render(both)


def test_what_has_expired_counts_and_is_told_as_expired() -> None:
    accepted = accepting(("a", "1"), ("a", "3"), today=date(2026, 1, 2))
    found = matches_of([0.1], [[20]])
    verdict = judge(found, replace(POLICY, accepted=accepted))
    assert verdict.outcome is Outcome.FAIL
    assert ([(m.row, m.points) for m in verdict.expired], verdict.accepted) == ([(1, 20)], ())
    assert [entry.training for entry in verdict.unused] == ["3" * 64]
    assert unused_entries(found, POLICY, accepted) == verdict.unused
    text = render(verdict)
    assert "EXPIRED    accepted until 2026-01-01 and counted again: 20 points  s0 -> /t1" in text
    assert text.count("matched nothing here") == 1


def test_a_part_of_a_replicated_sample_needs_its_entry_too() -> None:
    found = matches_of([0.9], [[20]])
    for today in (DAY, date(2026, 1, 2)):
        accepted = accepting(("a", "1"), today=today)
        verdict = judge(found, replace(POLICY, accepted=accepted))
        assert (verdict.unused, len(verdict.accepted), len(verdict.expired)) == (
            (),
            today == DAY,
            today != DAY,
        )


def test_matches_in_reach_are_those_by_score_then_other_images_by_a_part() -> None:
    found = matches_of([0.9, 0.1, 0.1], [[12, 9, 7], [8], [7]])
    first, *others = found.objects.of[0] if found.objects else ()
    same = replace(found.objects, of=((replace(first, row=0), *others), *found.objects.of[1:]))  # type: ignore
    both = replace(found, objects=same)
    for matches, rows in ((found, [0, 1, 2]), (both, [0, 2])):
        near = [reached(matches, POLICY, sample) for sample in range(3)]
        assert [[match.row for match in each] for each in near] == [rows, [1], []]
        assert [match.kind for match in near[0]] == ["whole", *["object"] * (len(rows) - 1)]
    assert [match.row for match in reached(found, Policy(0.5), 0)] == [0]
    with pytest.raises(SearchError, match="were not looked for"):
        reached(replace(found, objects=None), POLICY, 0)


def test_where_all_candidates_are_accepted_nothing_is_told() -> None:
    found = matches_of([0.1, 0.1], [[20, 9], []])
    assert found.objects is not None
    policy = replace(POLICY, accepted=accepting(("a", "1"), ("a", "2")))
    assert judge(found, policy).passed
    few = replace(found, objects=replace(found.objects, candidates=4))
    with pytest.raises(
        SearchError, match="all training images that parts of s0 led to are accepted, and others"
    ):
        judge(few, policy)
    assert judge(few, replace(POLICY, accepted=accepting(("a", "1")))).outcome is Outcome.FAIL
    all_rows = replace(few, searched=2, objects=replace(found.objects, candidates=4, searched=2))
    assert judge(all_rows, policy).passed


def test_a_file_keeps_all_that_was_found(tmp_path: Path) -> None:
    found = matches_of([0.9, 0.1], [[9, 8], []])
    save_matches(tmp_path / "run.json", judge(found, POLICY))
    saved = read_matches(tmp_path / "run.json")
    assert saved.matches == replace(found, stored=saved.matches.stored)
    assert saved.matches.objects == found.objects


def test_reports_say_which_part_of_what() -> None:
    verdict = judge(matches_of([0.9, 0.1], [[], [12]]), POLICY)
    assert headline(verdict) == (
        "2 of 2 samples replicate training images (worst score 0.900, threshold 0.5, 1 by a part alone: 12 "
        "points, 8 are enough)"
    )
    text = render(verdict)
    assert "12 points  sample    s1, at 10 to 50 % of the width, 20 to 60 % of the height" in text
    assert "training  /t1, at 10 to 50 % of the width, 20 to 60 % of the height, mirrored" in text
    assert "or a part with 8 points alike (default)" in text
    assert (
        "objects    by parts (ninths) and 1024 features an image; 20 of 20 pairs compared in 1.5 s, 750 ms a sample; vectors "
        "of parts 7.5 s\n"
    ) in text
    told = verdict_data(verdict)["objects"]
    spent = [told[f"{what}_seconds"] for what in ("embedding", "searching", "comparing")]
    assert spent == [7.5, 0.5, 1.0]
    pairs = verdict_data(verdict)["pairs"]
    assert [(pair["kind"], pair["part"] is None) for pair in pairs] == [("whole", True), ("object", False)]
    assert pairs[1]["part"] == {
        "points": 12,
        "inliers": 12,
        "kinds": 12.0,
        "correlation": 0.9,
        "two_tones": 0.5,
        "roughness": 0.3,
        "spread": 0.1,
        "mirrored": True,
        "scale": 1.2,
        "degrees": 5.0,
        "sample": [[0.1, 0.2], [0.5, 0.2], [0.5, 0.6]],
        "training": [[0.1, 0.2], [0.5, 0.2], [0.5, 0.6]],
        "source": "index",
    }
    assert "nor a part of one (closest" in headline(judge(matches_of([0.1], [[]]), POLICY))
    alone = headline(judge(matches_of([0.1], [[9]]), POLICY))
    assert "1 of 1 samples replicates a training image (closest score 0.100" in alone


def test_the_worst_comes_first_be_it_by_its_score_or_by_a_part() -> None:
    text = render(judge(matches_of([0.51, 0.1, 0.9], [[], [71], []]), POLICY))
    places = [text.index(told) for told in ("71 points  sample", "0.900  sample", "0.510  sample")]
    assert places == sorted(places)


def test_both_false_positive_rates_are_told() -> None:
    rule = ObjectRule(12, "calibration, 1 % of 500 unseen images", 0.0095)
    policy = replace(POLICY, objects=rule, false_rate=0.02)
    text = render(judge(matches_of([0.1, 0.1], [[], [9]]), policy))
    assert "or a part with 12 points alike (calibration, 1 % of 500 unseen images)" in text
    assert "  by chance  2 % of real images that the model never saw score as high: of 2 samples" in text
    assert (
        "  by chance  12 points of a part: at most 0.95 % of real images that the model never saw have as many "
        "(95 % confidence): of 2 samples of a model that copies nothing, at most 0.019 are expected"
    ) in text
    data = verdict_data(judge(matches_of([0.1, 0.1], [[], [9]]), policy))
    assert (data["false_rate"], data["objects"]["false_rate"]) == (0.02, 0.0095)
    assert (data["expected_false"], data["objects"]["expected_false"]) == (0.04, 0.019)
    assert data["objects"]["points_overridden"] is None


def test_a_false_discovery_rate_is_about_scores() -> None:
    tested = replace(matches_of([0.9], [[]]), p_values=(0.01,), p_least=0.01)
    policy = replace(POLICY, fdr=0.1)
    assert "of the samples replicated by their score at most 10 % are innocent" in render(
        judge(tested, policy)
    )
    alone = render(judge(tested, replace(policy, objects=None)))
    assert "of the replicated samples at most 10 % are innocent" in alone


def test_a_laxer_number_and_one_that_was_not_measured_are_warnings() -> None:
    found = matches_of([0.1], [[30]])
    lax = replace(POLICY, objects=ObjectRule(20, "call", 0.001, ("the calibration", 12)))
    text = render(judge(found, lax))
    assert "20 points alike (call; the calibration: 12)" in text
    assert "copies of small parts" not in text
    many = render(judge(found, replace(POLICY, objects=ObjectRule(25, "call"))))
    assert "WARNING    a part counts as a copy from 25 points on: copies of small parts" in many
    assert "WARNING    20 points of a part (call) are laxer than the calibration (12)" in text
    assert "not measured" not in text
    strict = replace(POLICY, objects=ObjectRule(9, "call", None, ("the calibration", 12)))
    text = render(judge(found, strict))
    assert "laxer" not in text
    assert "WARNING    how many innocent images have a part with 9 points was not measured" in text
    assert "not measured" not in render(judge(matches_of([0.1], [[]]), strict))


@pytest.mark.parametrize("points", [3, 0, -1, True, 8.0])
def test_rules_that_tell_nothing_are_refused(points: object) -> None:
    with pytest.raises(SettingsError, match="tell no copy of a part"):
        ObjectRule(points)  # type: ignore[arg-type]


def test_a_rate_is_a_share() -> None:
    with pytest.raises(SettingsError, match="no share"):
        ObjectRule(8, false_rate=1.5)


def test_parts_that_no_search_finds_are_refused() -> None:
    sound = matches_of([0.1], [[9, 8]])
    check_matches(sound)
    found = sound.objects
    assert found is not None
    first, second = found.of[0]
    assert first.part is not None
    how = replace(first.part.alignment, training=((0.1, 0.2), (0.5, 1.2)))
    outside = replace(first, part=replace(first.part, alignment=how))
    for wrong in (
        replace(found, of=((replace(first, part=None), second),)),
        replace(found, of=((replace(first, score=1.5), second),)),
        replace(found, of=((outside, second),)),
        replace(found, of=()),
        replace(found, unchecked=(-1,)),
        replace(found, unchecked=(9,)),
        replace(found, searched=9),
        replace(found, of=((second, first),)),
        replace(found, of=((first, first),)),
        replace(found, of=((replace(first, sample=1),),)),
        replace(found, candidates=-1),
    ):
        with pytest.raises(ValueError, match="part"):
            check_matches(replace(sound, objects=wrong))
    with pytest.raises(ValueError, match="is one of parts, and stands among those of whole images"):
        check_matches(replace(sound, of=((replace(first, sample=0),),)))


def sighted(points: int, seen: PartSightings | None = None) -> Matches:
    """One sample of which nothing is a copy, and a canary of a part that had 30 points, and has these."""
    found = matches_of([0.1], [[]])
    assert found.objects is not None
    seen = seen or PartSightings((PartSighting(3, 30, points),), 1, 4, 3, "")
    return replace(found, objects=replace(found.objects, canaries=seen))


def test_a_part_that_was_planted_and_not_found_lets_nothing_be_told() -> None:
    verdict = judge(sighted(29), POLICY)
    assert verdict.outcome is Outcome.PASS
    assert verdict.part_control == PartControl(1, 29, 1, 4, 3, "")
    assert (
        "control    1 planted part found (fewest points 29, 8 are enough; 3 of 4 were found when the index was "
        "calibrated)"
    ) in render(verdict)
    with pytest.raises(ControlFailed, match=r"1 of 1 have too few points \(down to 7; they had 30"):
        judge(sighted(7), POLICY)
    with pytest.raises(ControlFailed, match="none of 1 had the 31 points"):
        judge(sighted(30), Policy(0.5, objects=ObjectRule(21)))
    whole = judge(sighted(7), Policy(0.5))
    assert (whole.outcome, whole.part_control) == (Outcome.PASS, None)


def test_what_is_said_of_planted_parts() -> None:
    blind = sighted(29, PartSightings((PartSighting(3, 30, 29),), 1, 4, 1, ""))
    assert "nearly blind to parts: only 1 of 4 planted parts" in render(judge(blind, POLICY))
    match = matches_of([0.1], [[]]).of[0][0]
    whole = Sightings((Sighting(0, "grey", 0.9, replace(match, score=0.9)),), 1, 1, 1, 1, 0.1, "")
    controlled = replace(sighted(0, PartSightings()), canaries=whole)
    assert "WARNING    no positive control of parts: none were planted" in render(judge(controlled, POLICY))
    assert "control of parts" not in render(judge(sighted(0, PartSightings()), POLICY))
    data = verdict_data(judge(controlled, POLICY))["objects"]["control"]
    assert data["absent"] == "none were planted"
    assert data["fewest_points"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        PartSightings((PartSighting(3, 30, 29),), 1, 4, 3),
        PartSightings(absent=""),
        PartSightings((PartSighting(3, 30, 29),), 0, 4, 3, ""),
        PartSightings((PartSighting(3, 30, 29),), 4, 4, 3, ""),
        PartSightings((PartSighting(3, 30, 29),), 1, 2, 3, ""),
        PartSightings((PartSighting(-1, 30, 29),), 1, 4, 3, ""),
        PartSightings((PartSighting(3, 0, 29),), 1, 4, 3, ""),
        PartSightings((PartSighting(3, 30, -1),), 1, 4, 3, ""),
    ],
    ids=str,
)
def test_planted_parts_that_no_search_sees_are_refused(wrong: PartSightings) -> None:
    check_matches(sighted(29))
    with pytest.raises(ValueError, match="canar"):
        check_matches(sighted(29, wrong))
