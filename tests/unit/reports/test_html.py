"""The page of a run: what stands in it, what it keeps to, and that data stays data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made_pages import made, picture

from pytest_replication.errors import SettingsError
from pytest_replication.reports.html import html_report, require_budget
from pytest_replication.reports.html.budget import least_budget
from pytest_replication.reports.html.histogram import histogram
from pytest_replication.reports.html.rows import rows_of
from pytest_replication.results import Results, write_results

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{data}}<!--\u202e\u2028\x00\ud800"
)
PLENTY = 20_000_000


class Page(HTMLParser):
    """Tags of a page, and the text of each script by its id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self._script: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = str(dict(attrs).get("id")) if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._script = None

    @property
    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.scripts["data"])["rows"]
        return found

    @property
    def pictures(self) -> list[str]:
        found: list[str] = json.loads(self.scripts["pictures"])
        return found


Make = Callable[..., Results]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Results of a made-up run, stored."""

    def stored(
        pairs: int = 6, change: Callable[[dict[str, Any]], object] = lambda data: None, **given: Any
    ) -> Results:
        data = made(tmp_path, pairs, **given)
        change(data)
        return write_results(tmp_path / "results.json", data)

    return stored


def test_the_verdict_comes_first_in_words(make: Make) -> None:
    page = html_report(make(), budget=PLENTY)
    assert "<h1>" in page
    assert "<span>Fail</span></h1>" in page
    assert "6 of 200 samples replicate a training image." in page
    assert page.index("</h1>") < page.index('id="checks"') < page.index('id="pairs"')
    assert html_report(make(), budget=PLENTY) == page


@pytest.mark.parametrize(
    ("outcome", "word", "said"),
    [
        ("pass", "Pass", "3 checks passed: none of 440 samples replicates a training image."),
        ("inconclusive", "Inconclusive", "Too little to tell: 0 of 200 samples replicate a training image."),
        ("error", "Error", "The gate could not do its work (2 faults): this is no verdict about the model."),
        ("none", "No verdict", "No check was made: of the model nothing is known."),
    ],
)
def test_each_outcome_has_its_words(make: Make, outcome: str, word: str, said: str) -> None:
    def change(data: dict[str, Any]) -> None:
        data["outcome"] = outcome
        data["checks"][0]["outcome"] = "inconclusive" if outcome == "inconclusive" else "pass"
        if outcome == "error":
            data["run"]["faults"] = [{"kind": "unwritten", "text": "the disk is full"}]
            data["run"]["errors"] = [{"test": "test_a", "message": "the index is gone"}]
        if outcome == "none":
            data["checks"] = []

    page = html_report(make(0, change), budget=PLENTY)
    assert f"<span>{word}</span></h1>" in page
    assert said in page
    assert ("the disk is full" in page) == ("test_a: the index is gone" in page) == (outcome == "error")


def test_copies_that_are_tolerated_are_told_in_a_pass(make: Make) -> None:
    page = html_report(
        make(
            3,
            lambda data: (
                data["checks"][0].update(outcome="pass", max_rate=0.1) or data.update(outcome="pass")
            ),
        ),
        budget=PLENTY,
    )
    assert "3 checks passed: 3 of 440 samples replicate a training image, which is tolerated." in page


def test_a_pass_tells_checks_that_only_measured(make: Make) -> None:
    def change(data: dict[str, Any]) -> None:
        data["outcome"] = "pass"
        data["checks"][0]["asserted"] = False

    page = html_report(make(1, change), budget=PLENTY)
    assert "2 checks passed, 1 check that only measured did not: none of" in page
    assert "1 of 200 samples replicates a training image where that was only measured." in page
    assert '<span class="mark">measured only</span>' in page
    assert 'data-everything="false"' in page


def tile(page: str, name: str) -> str:
    found = re.search(f"<dt>{name}</dt><dd>(.*?)</dd>", page)
    return found[1] if found else ""


def test_a_run_that_was_repeated_is_told_and_counted(make: Make) -> None:
    def change(data: dict[str, Any]) -> None:
        data["checks"][0] |= {"rerun": True}

    page = html_report(make(3, change), budget=PLENTY)
    assert "3 of 200 samples replicate a training image, in a run of its test that was repeated." in page
    assert tile(page, "Checks passed") == "2 of 3"
    assert tile(page, "Samples replicated") == "3"
    assert tile(page, "Training images copied") == "3"
    assert float(tile(page, "Highest score")) > 0.5


def test_a_sample_that_two_checks_flag_is_counted_once(make: Make) -> None:
    def change(data: dict[str, Any]) -> None:
        for number, pair in enumerate(data["checks"][0]["pairs"]):
            pair["sample_sha256"] = f"{number:064x}"
        copied = {**data["checks"][0], "id": "test_b#2", "asserted": False}
        data["checks"].append(copied)

    page = html_report(make(3, change), budget=PLENTY)
    assert tile(page, "Samples replicated") == "3"
    assert tile(page, "Training images copied") == "3"


def compared(data: dict[str, Any], **changes: Any) -> None:
    """Let a run that passes be worse than the last release."""
    check = data["checks"][0]
    data["outcome"], check["outcome"], check["max_rate"] = "fail", "pass", 0.1
    image = check["pairs"][0]
    image["training_sha256"] = "ff" * 32
    change = {
        "id": check["id"],
        "check": "<cats>",
        "change": "worse",
        "old": {"samples": 200, "replicated": 0, "rate": 0.0},
        "new": {"samples": 200, "replicated": 3, "rate": 0.015},
        "tests": [{"what": "rate", "old": 0.0, "new": 0.015, "worse_adjusted": 0.001}],
        "new_images": [
            {
                "uri": image["training_uri"],
                "id": "1",
                "sha256": image.get("training_sha256"),
                "score": 0.93,
                "other": 0.41,
            }
        ],
        "notes": ["<b>a note</b>"],
    }
    data["run"]["baseline"] = {
        "outcome": "fail",
        "baseline_written": "2026-11-01T00:00:00+00:00",
        "level": 0.05,
        "checks": [change | changes],
        "missing": [],
        "added": ["test_new#1"],
    }


def test_what_became_worse_since_the_last_release_is_told(make: Make) -> None:
    page = html_report(make(3, compared), budget=PLENTY)
    assert (
        "Worse than the last release: 0 of 200 (0 %) then, 3 of 200 (1.5 %) now, 1 new training image" in page
    )
    section = page[page.index('id="compared"') : page.index('id="pairs"')]
    for said in (
        "Worse</span>",
        "rate 0 % → 1.5 %, p 0.001",
        "0.930 ",
        "0.410 then",
        "test_new#1: not in the",
    ):
        assert said in section
    assert "&lt;cats&gt;" in section
    assert "&lt;b&gt;a note" in section
    marked = [row for row in Page(page).rows if "then" in row]
    assert [row["then"] for row in marked] == ["replicated by no sample then, closest 0.410"]
    assert 'id="compared"' not in html_report(make(3), budget=PLENTY)


@pytest.mark.parametrize(
    "changes",
    [
        {"new_images": [{}], "tests": [{}], "notes": [None], "old": None, "new": {"rate": "x"}},
        {"new_images": {"a": 1}, "tests": None, "notes": "x", "change": "odd"},
    ],
)
def test_a_comparison_may_hold_anything(make: Make, changes: dict[str, Any]) -> None:
    assert 'id="compared"' in html_report(make(3, lambda data: compared(data, **changes)), budget=PLENTY)


def test_an_error_that_a_test_caught_is_told(make: Make) -> None:
    page = html_report(make(0, lambda data: data["run"]["caught"].append("test_b")), budget=PLENTY)
    assert "test_b caught an error of a check and passed: that check has no verdict" in page


def test_pairs_stand_there_worst_first_with_all_that_is_known(make: Make) -> None:
    rows = Page(html_report(make(10), budget=PLENTY)).rows
    assert [row["rank"] for row in rows] == list(range(16))
    assert [row["outcome"] for row in rows] == ["replicated"] * 10 + ["near"] * 6
    severities = [row["severity"] for row in rows[:10]]
    assert severities == sorted(severities, reverse=True)
    first, part = rows[0], next(row for row in rows if row["kind"] == "part")
    assert first["score"] == 0.985
    assert first["seed"] == "1000"
    assert first["prompt"] == "a stream in a mossy forest, long exposure"
    assert first["again"] == (
        "pytest-replication sample models/release-7 --model-option steps=30 --seed=1000 "
        "'--prompt=a stream in a mossy forest, long exposure' --out sample.png"
    )
    assert part["needed"] == 20
    assert part["correlation"] == 0.94
    assert len(part["inSample"]) == len(part["inTraining"]) == 4
    assert {row.get("copies") for row in rows if row["training"].endswith("astronaut.jpg")} <= {14}


def test_undecided_and_accepted_pairs_stand_between(make: Make) -> None:
    def change(data: dict[str, Any]) -> None:
        check = data["checks"][0]
        pairs = check["pairs"]
        check["accepted"] = {"matches": [pairs.pop() | {"reason": "a logo"}], "expired": [pairs.pop()]}
        check["undecided_pairs"] = [pairs.pop()]
        check["replicated"] = len(pairs)

    rows = Page(html_report(make(6, change), budget=PLENTY)).rows
    assert [row["outcome"] for row in rows[:6]] == ["replicated"] * 3 + ["undecided", "expired", "accepted"]
    assert rows[5]["reason"] == "a logo"


def test_only_what_did_not_pass_is_shown_at_first(make: Make) -> None:
    assert 'data-everything="false"' in html_report(make(), budget=PLENTY)
    assert 'data-everything="true"' in html_report(make(), budget=PLENTY, everything=True)
    assert 'data-everything="true"' in html_report(make(0, outcome="pass"), budget=PLENTY)


def test_all_that_it_needs_is_in_the_page(make: Make) -> None:
    page = Page(html_report(make(), budget=PLENTY))
    policy = next(
        given["content"] for tag, given in page.tags if given.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
    assert len(page.pictures) == len(set(page.pictures)) > 0
    assert all(uri.startswith("data:image/webp;base64,UklGR") for uri in page.pictures)
    assert all(isinstance(place, int) for row in page.rows for place in row["pictures"])


def test_what_comes_from_data_stays_data(make: Make) -> None:
    def hostile(data: Any, name: str = "") -> Any:
        if isinstance(data, dict):
            return {key: hostile(value, key) for key, value in data.items()}
        if isinstance(data, list):
            return [hostile(value, name) for value in data]
        kept = {"outcome", "kind", "id", "written", "rule", "pictures", "sample_sha256"}
        return HOSTILE if isinstance(data, str) and name not in kept | {"training"} else data

    clean = make(4)
    data = hostile(clean.data)
    for check, original in zip(data["checks"], clean.checks, strict=True):
        for pair, given_ in zip(check["pairs"], original["pairs"], strict=True):
            pair["pictures"] = given_["pictures"]
        check["message"], check["null"] = HOSTILE, original["null"]
    page = Page(html_report(Results(clean.path, data), budget=PLENTY))
    harmless = Page(html_report(clean, budget=PLENTY))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in harmless.tags} | {"li", "ul"}
    assert sum(tag == "script" for tag, _ in page.tags) == 3
    assert not any(tag == "img" for tag, _ in page.tags)
    assert page.rows[0]["prompt"].startswith("</script><script>alert(1)</script><img")
    assert not re.search("[\u202e\u2028\x00\ud800]", json.dumps(page.rows, ensure_ascii=False))


@pytest.mark.parametrize("budget", [90_000, 300_000, 600_000])
def test_a_budget_is_kept_and_what_was_left_out_is_told(make: Make, budget: int) -> None:
    results = make(60)
    page = html_report(results, budget=budget)
    assert len(page.encode()) <= budget
    read = Page(page)
    if left := sum(any(isinstance(place, str) for place in row["pictures"]) for row in read.rows):
        assert f"The pictures of {left} pairs are not in this page, to keep it below" in page
        assert all(isinstance(place, int) for place in read.rows[0]["pictures"]) or budget == 90_000
    if (out := 66 - len(read.rows)) > 0:
        assert f"{out} of 66 pairs are not in this page" in page
    assert left or out or budget == 600_000


def test_a_budget_below_the_least_page_is_refused(make: Make) -> None:
    least = least_budget()
    require_budget(least)
    for small in (lambda: require_budget(least - 1), lambda: html_report(make(), budget=20_000)):
        with pytest.raises(SettingsError, match=r"without its pictures, .*: give 60kB or more as"):
            small()
    assert least <= 60_000


@pytest.mark.parametrize(
    "hostile",
    ["", HOSTILE, "\U0001f600", "\ud800", "&"],
    ids=["plain", "hostile", "face", "surrogate", "sign"],
)
def test_the_least_budget_has_room_for_the_worst_pair_of_any_run(make: Make, hostile: str) -> None:
    def change(data: dict[str, Any]) -> None:
        if hostile:
            long = (hostile * 5_000)[:5_000]
            data["run"]["faults"] = [{"kind": "lost", "text": long}] * 9
            data["run"]["errors"] = [{"test": long, "message": long}] * 9
            data["writer"] = long
            for check in data["checks"]:
                check |= {"test": long, "check": long}
            for pair in data["checks"][0]["pairs"][:1]:
                pair |= {name: long for name, value in pair.items() if isinstance(value, str)}
                pair |= {"label": long, "class": long, "view": long}

    results = make(9, change, checks=30)
    page = html_report(results, budget=1_000, most=least_budget(), beside=10**7)
    assert len(page.encode()) <= least_budget()
    assert f"14 of 15 pairs are not in this page, to keep it below {least_budget() / 1000:.3g} kB" in page
    assert "and 27 checks more, in the file of results" in page
    read = Page(page)
    assert [row["rank"] for row in read.rows] == [0]
    assert read.rows[0]["check"] < len(json.loads(read.scripts["data"])["checks"]) == 3
    assert "<h1>" in page
    assert read.pictures == []


def test_more_than_the_least_budget_has_pictures_of_the_worst_again(make: Make) -> None:
    page = html_report(make(60), budget=200_000, most=300_000)
    assert Page(page).pictures
    assert "No picture has more than 96 pixels a side, to keep the report below 300 kB." in page
    assert "pixels a side" not in html_report(make(60), budget=PLENTY, most=PLENTY)


def test_of_two_images_at_one_address_only_that_which_is_new_is_told_so(make: Make) -> None:
    def change(data: dict[str, Any]) -> None:
        check = data["checks"][0]
        for place, pair in enumerate(check["pairs"]):
            pair |= {"training_sha256": None, "training_uri": "s3://a.tar", "training_id": f"{place}"}
        compared(data)
        (told,) = data["run"]["baseline"]["checks"]
        told["new_images"] = [told["new_images"][0] | {"id": "1", "uri": "s3://a.tar", "sha256": None}]

    rows = Page(html_report(make(3, change), budget=PLENTY)).rows
    assert sum("then" in row for row in rows) == 1


def test_long_texts_leave_the_worst_pair_in_the_page(make: Make) -> None:
    def change(data: dict[str, Any]) -> None:
        for pair in data["checks"][0]["pairs"][:2]:
            pair |= {"prompt": "\x00" * 60_000, "caption": "<" * 60_000}

    page = Page(html_report(make(60, change), budget=75_000))
    assert page.rows[0]["rank"] == 0
    assert page.rows[0].keys() >= {"score", "sample", "training"}
    assert "again" not in page.rows[0]
    assert [row["rank"] for row in page.rows][:2] != [0, 1]  # too long, where shorter ones have room
    assert len(page.rows) > 3
    said = f"{66 - len(page.rows)} of 66 pairs are not in this page, to keep it below 75 kB: the worst is, and so"
    assert said in html_report(make(60, change), budget=75_000)


def test_a_command_that_nobody_could_copy_is_left_out() -> None:
    model = {"name": "m:f", "options": [], "ready": False, "takes": ["prompt"]}
    for prompt, told in (("a cat", True), ("a" * 5_000, False)):
        (row,) = rows_of([{"model": model, "pairs": [{"seed": 1, "prompt": prompt, "score": 1.0}]}])
        assert ("again" in row) is told


def test_many_checks_are_told_in_a_line_each(make: Make) -> None:
    results = make(2, checks=300)
    page = html_report(results, budget=PLENTY)
    assert page.count('<details class="check"') == 200
    assert page.count('<div class="check line">') == 100
    small = html_report(results, budget=500_000)
    assert small.count('<details class="check"') == 20


def test_pictures_that_are_not_there_or_none_are_told(make: Make, tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        gone, other = (f"pictures/{digit * 40}.webp" for digit in "ab")
        (tmp_path / other).write_text("<svg onload=alert(1)>")
        data["checks"][0]["pairs"][0]["pictures"] = {"sample": gone, "training": other}
        data["checks"][0]["pictures_left_out"] = 7

    page = html_report(make(2, change), budget=PLENTY)
    assert "2 pictures named in results.json could not be read." in page
    assert "Of 7 pairs no pictures were stored" in page
    assert Page(page).rows[0]["pictures"] == [
        "pictures/" + "a" * 40 + ".webp",
        "pictures/" + "b" * 40 + ".webp",
    ]


def test_no_file_outside_the_folder_of_pictures_is_opened(make: Make, tmp_path: Path) -> None:
    (tmp_path / "secret.webp").write_bytes(b"RIFF secret")
    clean = make(1)
    clean.checks[0]["pairs"][0]["pictures"] = {
        "sample": "../secret.webp",
        "training": "pictures/../secret.webp",
    }
    assert "pictures" not in Page(html_report(clean, budget=PLENTY)).rows[0]


def test_a_private_page_has_no_commands(make: Make) -> None:
    page = html_report(make(2, lambda data: data.update(private=True)), budget=PLENTY)
    assert "Private: names, paths, captions, prompts and pictures were left out" in page
    assert not any("again" in row for row in Page(page).rows)


def test_checks_of_other_kinds_are_told_in_their_own_words(make: Make) -> None:
    def change(data: dict[str, Any]) -> None:
        common = {"asserted": True, "rerun": False, "seconds": None, "check": "", "message": "what it said"}
        finding = {"name": "copying", "said": "samples come nearer than unseen images do"}
        data["checks"] = [
            {
                "kind": "set",
                "id": "1",
                "test": "a",
                "outcome": "pass",
                "story": "the set is sound",
                "warnings": ["few"],
                "findings": [finding],
                "searched": 0,
            }
            | common,
            {
                "kind": "extraction",
                "id": "2",
                "test": "b",
                "outcome": "fail",
                "samples": 9,
                "extracted": 1,
                "rule": "relative",
                "limit": 0.1,
                "warnings": [],
                "pairs": [{"sample": "x", "training_uri": "y", "relative": 0.02}],
            }
            | common,
        ]

    page = html_report(make(0, change), budget=PLENTY)
    assert "1 of 9 samples was extracted pixel by pixel." in page
    for said in (
        "the set is sound",
        "<li>few</li>",
        "samples come nearer than unseen images do",
        "what it said",
    ):
        assert said in page
    assert Page(page).rows[0] | {"distance": 0.02, "rule": "relative", "limit": 0.1} == Page(page).rows[0]


def test_the_histogram_parts_bars_at_the_threshold() -> None:
    drawn = histogram({"scores": [0.1, 0.2, 0.5499, 0.55, 0.9], "threshold": 0.55}, "c")
    assert drawn.count('class="rug"') == 2
    assert drawn.count('class="above"') == 2
    assert "5 samples: median 0.5499, highest 0.900; 2 at or above the threshold 0.55" in drawn
    assert histogram({"scores": []}, "c") == ""


def test_a_sample_at_the_threshold_alone_is_a_bar_above_it() -> None:
    drawn = histogram({"scores": [0.55] * 3, "threshold": 0.55}, "c")
    assert 'class="above"' in drawn
    assert 'class="below"' not in drawn


@given(
    st.lists(st.floats() | st.none() | st.text(), max_size=30),
    st.floats() | st.none(),
    st.lists(st.floats(), max_size=6),
)
@example([2.2250738585e-313], 0.0, [])
@example([0.5], None, [0.0, 5e-324])
def test_a_histogram_is_drawn_of_anything(
    scores: list[Any], threshold: float | None, edges: list[float]
) -> None:
    check = {
        "scores": scores,
        "threshold": threshold,
        "null": {"edges": edges, "counts": [3] * (len(edges) - 1)},
    }
    drawn = histogram(check, "c")
    assert "nan" not in drawn
    assert "inf" not in drawn


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            (
                "score",
                "threshold",
                "part",
                "pictures",
                "copies",
                "seed",
                "prompt",
                "training_uri",
                "view",
                "p_value",
                "class",
                "kind",
                "caption",
            ),
            json_values,
        ),
    ),
    json_values,
)
def test_rows_are_made_of_anything(pair: dict[str, Any], model: Any) -> None:
    check = {
        "pairs": [pair, model],
        "model": {"name": "m", "options": model, "takes": model},
        "objects": model,
    }
    for row in rows_of([check]):
        json.dumps(row, allow_nan=False)
        assert 0 <= row["severity"] <= 1


def test_more_copies_of_a_part_are_worse() -> None:
    def pair(points: int) -> dict[str, Any]:
        return {"sample": str(points), "kind": "object", "part": {"points": points}}

    whole = [
        {"sample": "0.99", "score": 0.99, "threshold": 0.5},
        {"sample": "0.51", "score": 0.51, "threshold": 0.5},
    ]
    rows = rows_of([{"pairs": [pair(30), pair(90), *whole], "objects": {"points": 20}}])
    assert [row["sample"] for row in rows] == ["0.99", "90", "30", "0.51"]


def test_pictures_of_the_worst_of_each_check_come_first(make: Make, tmp_path: Path) -> None:
    from PIL import Image

    def change(data: dict[str, Any]) -> None:
        other = data["checks"][1]
        own = picture(tmp_path, Image.new("RGB", (384, 384), (7, 99, 3)))
        least = data["checks"][0]["pairs"][-1] | {
            "score": 0.551,
            "pictures": {"sample": own, "training": own},
        }
        other.update(outcome="fail", replicated=1, pairs=[least])

    rows = Page(html_report(make(200, change), budget=1_000_000)).rows
    last = next(row for row in rows if row["check"] == 1)
    assert last["severity"] < 0.01
    assert isinstance(last["pictures"][0], int)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_told_from_its_ground(scheme: str) -> None:
    style = (resources.files("pytest_replication.reports.html") / "files" / "page.css").read_text()
    light, dark = (
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]+)", block)) for block in style.split(":root {")[1:3]
    )
    colours = {name: _rgb(value) for name, value in (light if scheme == "light" else light | dark).items()}
    tint = 0.07 if scheme == "light" else 0.12
    for own in ("fail", "pass", "inconclusive", "error", "none"):
        header = [
            tint * one + (1 - tint) * two for one, two in zip(colours[own], colours["panel"], strict=True)
        ]
        chip = [0.09 * one + 0.91 * two for one, two in zip(colours[own], colours["panel"], strict=True)]
        for ground in (header, chip):
            assert _contrast(colours[own], ground) >= 4.5, own
        assert _contrast(colours["quiet"], header) >= 4.5, own
    for text in ("ink", "quiet", "link"):
        for name in ("panel", "ground", "mark"):
            assert _contrast(colours[text], colours[name]) >= 4.5, (text, name)


def _rgb(value: str) -> list[float]:
    digits = value[1:] if len(value) == 7 else "".join(2 * digit for digit in value[1:])
    return [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]


def _contrast(one: list[float], two: list[float]) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: list[float]) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_histogram_says_which_copies_it_shows_among_the_others(make: Make) -> None:
    results = make()
    check = next(check for check in results.data["checks"] if "kind" not in check)
    check |= {"scores": [0.1, 0.29, 0.99], "threshold": 0.5, "objects": {"points": 10, "replicated": 1}}
    page = html_report(results, budget=PLENTY)
    assert "samples, 1 of them copies by a part alone" in page
    assert "samples that count as copies by their score" in page
