"""Two runs, compared."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_results import HOSTILE, made_check, made_pair, made_results

from pytest_replication.baseline import Allowed, Change, Comparison, compare
from pytest_replication.baseline.data import comparison_data
from pytest_replication.baseline.text import lines, regression
from pytest_replication.errors import BaselineError
from pytest_replication.reports.html.compared import compared_html
from pytest_replication.results import Results
from pytest_replication.results.private import without_private


def a_check(
    hits: int = 0, samples: int = 200, seed: int = 0, shift: float = 0.0, number: int = 1, **changes: Any
) -> dict[str, Any]:
    """A check of so many samples of which so many are replicated, an image each."""
    rng = np.random.default_rng(seed)
    scores = np.clip(rng.normal(0.2 + shift, 0.05, samples), -1, 0.45 + shift / 4)
    scores[:hits] = 0.9
    pairs = [made_pair(i, score=0.9, **image(i)) for i in range(hits)]
    return made_check(
        number,
        **{
            "outcome": "pass",
            "group_thresholds": None,
            "samples": samples,
            "distinct_samples": samples,
            "replicated": hits,
            "pairs": pairs,
            "scores": [round(float(score), 4) for score in scores],
        }
        | changes,
    )


def image(number: int) -> dict[str, str]:
    """A training image of its own."""
    return {
        "training_id": f"{number}",
        "training_uri": f"t/{number}.png",
        "training_sha256": f"{number:064x}",
    }


def counts(prompts: int, replicated: int) -> dict[str, Any]:
    return {"counts": {"per": "sample", "prompts": prompts, "replicated_prompts": replicated}}


def run(*checks: dict[str, Any], **told: Any) -> Results:
    return made_results(*checks, **told)


def one(old: dict[str, Any], new: dict[str, Any], **arguments: Any) -> Any:
    """The one check of a comparison."""
    (check,) = compare(run(old), run(new), **arguments).checks
    return check


def told(comparison: Comparison) -> str:
    return "\n".join(line for _, line in lines(comparison))


def test_a_rate_that_rises_beyond_chance_is_worse_though_both_pass() -> None:
    check = one(a_check(2), a_check(20, seed=1))
    assert check.change is Change.WORSE
    (rate, *_) = check.tests
    assert (rate.what, rate.old, rate.new) == ("rate", 0.01, 0.1)
    assert rate.worse < check.worse[0] < 0.01
    assert rate.old < rate.found < rate.new


@pytest.mark.parametrize(("then", "now"), [(39, 200), (200, 39), (10, 10)])
def test_scores_of_few_samples_are_not_tested_and_that_is_told(then: int, now: int) -> None:
    comparison = compare(run(a_check(0, then)), run(a_check(0, now, seed=1)))
    said = (
        f"scores were not tested: {then} samples then and {now} now are too few: it takes 40 of both releases, "
        "and 200 for the 99th percentile"
    )
    assert said in comparison.checks[0].notes
    assert said in told(comparison)
    data = comparison_data(comparison)
    assert said in data["checks"][0]["notes"]
    assert said in compared_html({"baseline": data}, {})


def test_forty_samples_are_enough_for_a_test_of_their_scores() -> None:
    check = one(a_check(0, 40), a_check(0, 40, seed=1))
    assert not check.notes
    assert ["95th" in test.what for test in check.tests] == [False, True]


def test_what_chance_explains_is_no_difference() -> None:
    check = one(a_check(2), a_check(4, seed=1))
    assert check.change is Change.NO_DIFFERENCE
    assert regression(compare(run(a_check(2)), run(a_check(4, seed=1)))) == ""


def test_a_rate_that_falls_is_better() -> None:
    comparison = compare(run(a_check(20)), run(a_check(2, seed=1)))
    assert [check.change for check in comparison.better] == [Change.BETTER]
    assert not comparison.worse
    assert "BETTER" in told(comparison)
    assert "18 training images of the baseline not replicated any more" in told(comparison)


def test_scores_that_rise_are_worse_though_nothing_is_replicated() -> None:
    check = one(a_check(), a_check(seed=1, shift=0.1))
    assert check.change is Change.WORSE
    rate, tail, *_ = check.tests
    assert rate.worse == 1
    assert tail.old <= 0.05 < tail.new
    assert "95th percentile" in tail.what


def test_worse_in_one_respect_is_worse_whatever_became_better() -> None:
    check = one(a_check(9), a_check(0, seed=1, shift=0.1))
    assert check.better[0] <= 0.05
    assert check.change is Change.WORSE


def test_new_training_images_are_named_by_what_their_file_holds() -> None:
    renamed = a_check(3, seed=1)
    for pair in renamed["pairs"][:2]:
        pair["training_uri"] = "moved/" + pair["training_uri"]
    renamed["pairs"][2]["training_sha256"] = "ff" * 32
    old = a_check(3)
    old["near_pairs"] = [made_pair(9, score=0.41, training_sha256="ff" * 32)]
    (new,) = one(old, renamed).new_images
    assert (new.uri, new.sha256, new.samples, new.other) == ("t/2.png", "ff" * 32, 1, 0.41)
    text = told(compare(run(old), run(renamed)))
    assert "new training images that are replicated: 1" in text
    assert "0.900  t/2.png  by sample-2; 0.410 then" in text


def test_images_without_a_digest_are_known_by_place_and_name_and_counted_once() -> None:
    check = a_check(4, seed=1)
    for number, pair in enumerate(check["pairs"]):
        pair |= {
            "training_sha256": None,
            "training_uri": f"{number // 4}/same.png",
            "training_id": "same.png",
        }
    (new,) = one(a_check(), check).new_images
    assert (new.uri, new.samples, new.sha256) == ("0/same.png", 4, None)
    assert "by sample-0 and 3 samples more" in told(compare(run(a_check()), run(check)))


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("known", ["sha256", "address"])
def test_a_training_set_in_another_folder_has_the_same_images(private: bool, known: str) -> None:
    def release(root: str, numbers: tuple[int, ...]) -> Results:
        pairs = []
        for number in numbers:
            of = image(number) | {"training_uri": f"{root}/{number}.png"}
            of |= {} if known == "sha256" else {"training_sha256": None}
            of |= {"training_uri": f"https://x.example/{number}"} if known == "address" else {}
            pairs.append(made_pair(number, score=0.9, **of))
        done = run(a_check(len(pairs), pairs=pairs))
        return Results(done.path, without_private(done.data)) if private else done

    (check,) = compare(release("/here", (0, 1, 2)), release("/there", (1, 2, 3))).checks
    assert len(check.new_images) == 1
    assert len(check.gone_images) == 1
    if private and known != "address":
        again = compare(release("/here", ()), release("/there", (1,))).checks[0].new_images
        moved = compare(release("/here", ()), release("/here", (1,))).checks[0].new_images
        assert again == moved


@pytest.mark.parametrize("private", [False, True])
def test_rows_of_two_files_of_one_name_are_two_images(private: bool) -> None:
    def release(*folders: str) -> Results:
        pairs = [
            made_pair(
                number,
                score=0.9,
                training_sha256=None,
                training_id="emb.npy#0",
                training_uri=f"/{folder}/emb.npy#0",
            )
            for number, folder in enumerate(folders)
        ]
        done = run(a_check(len(pairs), pairs=pairs))
        return Results(done.path, without_private(done.data)) if private else done

    (check,) = compare(release("web"), release("web", "lora")).checks
    assert len(check.new_images) == 1
    assert private or check.new_images[0].uri == "/lora/emb.npy#0"
    (check,) = compare(release("web"), release("lora")).checks
    assert (len(check.new_images), len(check.gone_images)) == (1, 1)


def test_only_so_many_images_are_named() -> None:
    comparison = compare(run(a_check()), run(a_check(14, seed=1)))
    assert told(comparison).count(" by sample-") == 10
    assert "and 4 more" in told(comparison)
    assert "14 new training images replicated" in regression(comparison)
    assert len(comparison_data(comparison)["checks"][0]["new_images"]) == 14


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threshold": 0.6}, "rule score >= 0.5 then, score >= 0.6 now"),
        ({"fdr": 0.01}, "rule score >= 0.5 then, FDR 0.01 now"),
        ({"objects": {"points": 8}}, "or 8 points of a part now"),
        (
            {"group_thresholds": {"by": "label", "thresholds": {"a": 0.4}, "rest": 0.5}},
            "thresholds by label (a 0.4, others 0.5) now",
        ),
        ({"search": {"engine": "faiss-ivf"}}, "engine exact then, faiss-ivf now"),
        ({"kind": "set"}, "kind samples then, set now"),
        (counts(50, 0), "1 samples a prompt then, 4 samples a prompt now"),
        ({"index": {"embedder": "pixels"}}, "embedder sscd then, pixels now"),
        ({"index": {"weights_sha256": None}}, "weights efefefefefef then, none now"),
        ({"index": {"preprocessing": "sscd-288"}}, "preprocessing sscd-320 then, sscd-288 now"),
        ({"index": {"fingerprint": "0" * 64}}, "index cdcdcdcdcdcd then, 000000000000 now"),
    ],
)
def test_what_was_not_measured_alike_is_not_compared(changes: dict[str, Any], said: str) -> None:
    other = a_check(seed=1)
    index = other["index"] | changes.get("index", {})
    other |= changes | {"index": index}
    for old, new in ((a_check(), other), (other, a_check())):
        with pytest.raises(BaselineError, match="was not measured as in the baseline"):
            compare(run(old), run(new))
    with pytest.raises(BaselineError) as refused:
        compare(run(a_check()), run(other))
    assert said in str(refused.value)
    check = one(a_check(), other, allowed=Allowed(other_index=True))
    assert any(said in note for note in check.notes)
    if "index" in changes or "counts" in changes:
        assert any("scores were not tested" in note for note in check.notes)


def test_checks_that_one_of_the_runs_lacks() -> None:
    both, more = run(a_check()), run(a_check(), a_check(number=2))
    for old, new, said in ((more, both, "was not made in this run"), (both, more, "is not in the baseline")):
        with pytest.raises(BaselineError, match=f"#2 {said}"):
            compare(old, new)
    comparison = compare(more, both, allowed=Allowed(missing=True))
    assert len(comparison.checks) == 1
    assert "MISSING  tests/test_gate.py::test_release#2" in told(comparison)
    assert "ADDED" in told(compare(both, more, allowed=Allowed(missing=True)))


@pytest.mark.parametrize("old", [run(), run(a_check(test="tests/other.py::test"))])
def test_nothing_in_common_is_an_error_whatever_is_allowed(old: Results) -> None:
    with pytest.raises(BaselineError, match="nothing was compared"):
        compare(old, run(a_check()), allowed=Allowed(other_index=True, missing=True))
    with pytest.raises(BaselineError, match="nothing was compared"):
        compare(run(), run())
    assert compare(run(), run(), allowed=Allowed(nothing=True)).checks == ()


def again(check: dict[str, Any], attempt: int, number: int = 1) -> dict[str, Any]:
    """The same check as one of a run of its test that was repeated."""
    return check | {"id": f"{check['test']}#rerun{number}", "rerun": True, "attempt": attempt}


def test_what_a_run_found_that_was_repeated_is_a_regression_all_the_same() -> None:
    comparison = compare(run(a_check()), run(a_check(seed=1), again(a_check(150), 1)))
    assert [(check.new.id, check.change) for check in comparison.checks] == [
        ("tests/test_gate.py::test_release#1", Change.NO_DIFFERENCE),
        ("tests/test_gate.py::test_release#rerun1", Change.WORSE),
    ]
    assert any("was repeated" in note for note in comparison.checks[1].notes)
    assert "#rerun1: rate 0 % → 75 %" in regression(comparison)


def test_each_run_of_a_test_numbers_its_checks_anew() -> None:
    two = [a_check(2, number=1), a_check(150, number=2)]
    repeated = [again(check, attempt, 2 * attempt + n) for attempt in (1, 2) for n, check in enumerate(two)]
    assert not compare(run(*two), run(*two, *repeated)).worse
    with pytest.raises(BaselineError, match="#rerun9 is not in the baseline"):
        compare(run(*two), run(*two, *repeated, again(a_check(), 2, 9)))


def test_a_baseline_of_a_test_that_was_repeated_is_its_last_run() -> None:
    assert compare(run(a_check(), again(a_check(150), 1)), run(a_check(150))).worse


def test_checks_are_known_by_their_names_in_whatever_order_they_are_made() -> None:
    cats, dogs = ({"check": name} for name in ("cats", "dogs"))
    old = run(a_check(0, number=1, **cats), a_check(150, number=2, **dogs))
    swapped = run(a_check(150, number=1, **dogs), a_check(0, seed=1, number=2, **cats))
    assert [check.change for check in compare(old, swapped).checks] == [Change.NO_DIFFERENCE] * 2
    worse = run(a_check(0, number=1, **dogs), a_check(150, seed=1, number=2, **cats))
    assert [check.new.name for check in compare(old, worse).worse] == ["cats"]
    assert "#2 [cats]: rate 0 % → 75 %" in regression(compare(old, worse))
    private = [Results(each.path, without_private(each.data)) for each in (old, worse)]
    assert len(compare(*private).worse) == 1


def test_a_check_of_another_name_is_another_check() -> None:
    old, new = run(a_check(150, check="dogs")), run(a_check(150, check="cats"))
    with pytest.raises(BaselineError, match=r"#1 \[dogs\] was not made .*#1 \[cats\] is not in the baseline"):
        compare(old, new)


def test_numbers_tell_checks_of_one_name_apart() -> None:
    old = run(*(a_check(hits, number=n, check="a") for n, hits in ((1, 0), (2, 150))))
    new = run(
        a_check(7, number=1, check="b"), *(a_check(h, number=n, check="a") for n, h in ((2, 0), (3, 150)))
    )
    assert not compare(old, new, allowed=Allowed(missing=True)).worse


def test_a_run_that_becomes_the_baseline_may_have_more_checks_not_fewer() -> None:
    both, more = run(a_check()), run(a_check(), a_check(number=2))
    updates = Allowed(other_index=True, nothing=True, added=True)
    assert compare(both, more, allowed=updates).added == ("tests/test_gate.py::test_release#2",)
    with pytest.raises(BaselineError, match="#2 was not made in this run") as refused:
        compare(more, both, allowed=updates)
    assert "--replication-baseline-allow-missing" in str(refused.value)
    assert "update-baseline" not in str(refused.value)


def test_private_files() -> None:
    old, new = run(a_check(2)), run(a_check(20, seed=1))
    private = [Results(each.path, without_private(each.data)) for each in (old, new)]
    comparison = compare(*private)
    assert comparison.worse
    assert len(comparison.checks[0].new_images) == 18
    assert ".png" not in told(comparison)
    for pair in ((private[0], new), (old, private[1])):
        with pytest.raises(BaselineError, match="private"):
            compare(*pair)
        mixed = compare(*pair, allowed=Allowed(other_index=True))
        assert [check.new_images for check in mixed.checks] == [
            check.new_images for check in comparison.checks
        ]


def test_samples_that_share_prompts_count_by_prompt() -> None:
    clusters = [number // 4 for number in range(200)]
    old = a_check(0, **counts(50, 0), clusters=clusters)
    few = a_check(12, seed=1, **counts(50, 3), clusters=clusters)
    check = one(old, few)
    assert check.tests[0].what == "rate of prompts"
    assert (check.tests[0].old, check.tests[0].new) == (0, 0.06)
    assert check.tests[1].what.startswith("share of prompts above")
    # 12 of 200 samples would be a change, 3 of 50 prompts are none.
    assert check.change is Change.NO_DIFFERENCE
    many = a_check(20, seed=1, **counts(50, 20), clusters=clusters)
    assert one(old, many).change is Change.WORSE
    unknown = one(a_check(0, **counts(50, 0)), few)
    assert any("a file does not say which" in note for note in unknown.notes)


def test_copies_of_one_sample_are_one_observation() -> None:
    old, new = a_check(0, distinct_samples=10), a_check(20, seed=1, distinct_samples=10)
    check = one(old, new)
    assert check.change is Change.NO_DIFFERENCE
    assert any("only 10 of 200 samples are distinct" in note for note in check.notes)


def test_a_false_discovery_rate_bounds_no_rate() -> None:
    check = one(a_check(0, fdr=0.01), a_check(20, seed=1, fdr=0.01))
    assert all(test.what != "rate" for test in check.tests)
    assert any("rates were not tested" in note for note in check.notes)


def test_what_may_explain_a_change_is_told() -> None:
    old = a_check(prompts_source="/there/prompts.txt")
    assert not one(old, a_check(seed=1, prompts_source="/here/prompts.txt")).notes
    accepted = {"file": "a.toml", "matches": [made_pair()]}
    new = a_check(seed=1, prompts_source="captions", accepted=accepted, asserted=False)
    said = " ".join(one(old, new).notes)
    assert "prompts.txt then, captions now" in said
    assert "0 then, 1 now" in said
    assert "only measured now" in said


def test_checks_of_another_kind_are_compared_by_their_outcomes() -> None:
    good, bad = ({"kind": "set", "outcome": outcome} for outcome in ("pass", "fail"))
    assert one(a_check(**good), a_check(**bad)).change is Change.WORSE
    assert one(a_check(**bad), a_check(**good)).change is Change.BETTER
    assert one(a_check(**bad), a_check(**bad)).change is Change.NO_DIFFERENCE
    comparison = compare(run(a_check(**good)), run(a_check(**bad)))
    assert "was pass, is fail" in regression(comparison)
    assert comparison_data(comparison)["checks"][0]["new"] == {"kind": "set", "outcome": "fail"}


@pytest.mark.parametrize(
    ("then", "now", "change"),
    [
        ("pass", "inconclusive", Change.WORSE),
        ("pass", "error", Change.WORSE),
        ("inconclusive", "error", Change.WORSE),
        ("inconclusive", "fail", Change.WORSE),
        ("error", "fail", Change.WORSE),
        ("error", "error", Change.NO_DIFFERENCE),
        ("fail", "error", Change.NO_DIFFERENCE),  # of which nothing is known
        ("error", "pass", Change.BETTER),
    ],
)
def test_an_outcome_that_is_worse_is_a_change_for_the_worse(then: str, now: str, change: Change) -> None:
    old, new = (a_check(kind="set", outcome=outcome) for outcome in (then, now))
    assert one(old, new).change is change


def extraction(hits: int, **changes: Any) -> dict[str, Any]:
    """A check of pixels that found so many of 100 samples extracted, and failed."""
    counted = {"extracted": hits, "samples": 100, "distinct_samples": 100}
    return a_check(
        **{"kind": "extraction", "outcome": "fail", "rule": "rmse", "limit": 0.1} | counted | changes
    )


def test_rates_of_extraction_are_tested() -> None:
    comparison = compare(run(extraction(1)), run(extraction(90)))
    assert [check.change for check in comparison.checks] == [Change.WORSE]
    assert "rate 1 % → 90 %" in regression(comparison)
    assert "extracted   1 of 100 (1 %" in told(comparison)
    assert comparison_data(comparison)["checks"][0]["new"]["replicated"] == 90
    assert one(extraction(2), extraction(3)).change is Change.NO_DIFFERENCE
    assert one(extraction(90), extraction(1)).change is Change.BETTER
    for changes in ({"extracted": 101}, {"samples": 0}, {"extracted": True}, {"kind": ""}):
        with pytest.raises(BaselineError, match="cannot be compared"):
            one(extraction(1), extraction(1, **changes))


@pytest.mark.parametrize("kind", ["set", "extraction"])
def test_checks_of_another_kind_are_measured_alike_or_not_compared(kind: str) -> None:
    old, other = extraction(1, kind=kind), extraction(1, kind=kind)
    for part, said in (("fingerprint", "index cdcdcdcdcdcd then"), ("embedder", "embedder sscd then")):
        changed = other | {"index": other["index"] | {part: "another"}}
        with pytest.raises(BaselineError, match=said):
            one(old, changed)
        assert one(old, changed, allowed=Allowed(other_index=True)).notes
    with pytest.raises(BaselineError, match=r"limit 0.1 then, .*limit 0.2 now"):
        one(old, other | {"limit": 0.2})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scores": []}, "0 scores of 200"),
        ({"scores": [float("nan")] * 200}, "not all of its scores"),
        ({"scores": [7.0] * 200}, "not all of its scores"),
        ({"scores": ["a"] * 200}, "could not convert"),
        ({"replicated": 3}, "0 pairs for 3"),
        ({"replicated": 300}, "300 replicated"),
        ({"replicated": True}, "replicated is 'True'"),
        ({"distinct_samples": 300}, "300 distinct"),
        ({"pairs": [{}], "replicated": 1}, "it has no 'score'"),
        ({"counts": None}, "not subscriptable"),
        (counts(3, 4), "4 of 3 prompts"),
        ({"clusters": [1, 2]}, "prompts of 2 of 200"),
        (
            {
                "index": {
                    "embedder": "",
                    "weights_sha256": "",
                    "preprocessing": "",
                    "fingerprint": "",
                    "path": "",
                }
            },
            "does not say",
        ),
    ],
)
def test_a_check_that_lacks_what_is_needed_is_no_pass(changes: dict[str, Any], said: str) -> None:
    for old, new in ((a_check(**changes), a_check()), (a_check(), a_check(**changes))):
        with pytest.raises(BaselineError, match="cannot be compared") as refused:
            compare(run(old), run(new))
        assert said in str(refused.value)


@pytest.mark.parametrize("level", [0.0, 1.0, float("nan")])
def test_levels_that_are_none(level: float) -> None:
    with pytest.raises(BaselineError, match="level"):
        compare(run(a_check()), run(a_check()), level=level)


def test_a_level_is_that_of_all_tests_together() -> None:
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(60):
        old, new = (
            [a_check(int(rng.binomial(60, 0.1)), 60, int(rng.integers(10**6)), number=n) for n in (1, 2)]
            for _ in range(2)
        )
        alarms += bool(compare(run(*old), run(*new), level=0.2).worse)
    assert alarms / 60 < 0.3


def test_few_samples_say_so() -> None:
    text = told(compare(run(a_check(0, 3)), run(a_check(0, 3, seed=1))))
    assert "so few samples could show no rise" in text


def test_data_is_plain_and_says_what_the_text_says() -> None:
    import json

    data = comparison_data(compare(run(a_check(2)), run(a_check(20, seed=1))))
    assert data == json.loads(json.dumps(data, allow_nan=False))
    assert data["outcome"] == "fail"
    (check,) = data["checks"]
    assert (check["change"], check["old"]["rate"], check["new"]["rate"]) == ("worse", 0.01, 0.1)
    assert check["new"]["percentiles"]["100"] == 0.9
    assert comparison_data(compare(run(a_check()), run(a_check(seed=1))))["outcome"] == "pass"


def test_hostile_names_pass_through() -> None:
    check = a_check(1, seed=1, prompts_source=HOSTILE)
    check["pairs"] = [made_pair(0, training_uri=HOSTILE, training_sha256=None, sample=HOSTILE)]
    comparison = compare(run(a_check()), run(check))
    assert comparison.checks[0].new_images[0].uri == HOSTILE
    assert dataclasses.is_dataclass(comparison)
    assert Path(comparison.old) == Path("report/results.json")
