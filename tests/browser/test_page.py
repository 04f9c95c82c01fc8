"""The page of a run in a real browser: what a person sees, clicks and presses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Browser, chromium
from made_pages import made, stored

from pytest_replication.reports.html import html_report
from pytest_replication.results import Results

PROGRAM = chromium()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium: install one, or name it in $CHROMIUM")
DECODED = (
    "Promise.all([...document.images].map((image) => image.decode())).then(() => document.images.length)"
)
CARDS = "document.querySelectorAll('#list article').length"
FOCUSED = "document.activeElement.closest('article')?.dataset.rank ?? document.activeElement.id"
FIND = "document.getElementById('find')"
COUNT = "document.getElementById('count').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert PROGRAM is not None
    with Browser(PROGRAM, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


Make = Callable[..., Path]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """The page of a made-up run."""

    def page(
        pairs: int,
        change: Callable[[dict[str, Any]], object] = lambda data: None,
        budget: int = 20_000_000,
        **given: Any,
    ) -> Path:
        folder = tmp_path_factory.mktemp("report")
        data = made(folder, pairs, **given)
        change(data)
        told = html_report(Results(stored(folder, data), data), budget=budget)
        (folder / "report.html").write_text(told, encoding="utf-8")
        return folder / "report.html"

    return page


@pytest.fixture(scope="module")
def failed(make: Make) -> Path:
    """Ten copies, two of them of a part, and six close pairs."""
    return make(10)


def choose(browser: Browser, name: str, value: str) -> None:
    """Choose in a list, as a person does."""
    browser.run(
        f"(() => {{ const list = document.getElementById('{name}'); list.value = '{value}'; list.dispatchEvent(new Event('change')); }})()"
    )


def find(browser: Browser, text: str) -> None:
    """Type into the field of the search, and wait for what it finds."""
    browser.run(f"(() => {{ {FIND}.value = '{text}'; {FIND}.dispatchEvent(new Event('input')); }})()")
    browser.run("new Promise((done) => setTimeout(done, 250))")


@pytest.mark.parametrize("pairs", [10, 1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_page_of_any_length_is_sound_and_small(browser: Browser, make: Make, pairs: int) -> None:
    browser.open(make(pairs))
    assert browser.run(DECODED) == 2 * min(pairs, 20)
    assert browser.run(CARDS) == min(pairs, 20)
    assert browser.run("document.querySelectorAll('*').length") < 2500
    assert browser.run(COUNT) == f"1–{min(pairs, 20)} of {pairs:,} pairs, {pairs + 6:,} in all"
    find(browser, f"{pairs - 1:05}.png")
    assert browser.run(CARDS) == 1
    find(browser, "")
    browser.press("k")
    assert browser.run(FOCUSED) == str(min(pairs, 20) - 1)
    browser.press("j")
    assert browser.run(FOCUSED) == ("20" if pairs > 20 else "9")
    assert browser.problems() == []


def test_pairs_are_filtered(browser: Browser, failed: Path) -> None:
    browser.open(failed)
    choose(browser, "kind", "part")
    assert browser.run(CARDS) == 2
    assert browser.run("document.querySelectorAll('.outline polygon.light').length") == 4
    choose(browser, "kind", "")
    choose(browser, "outcome", "near")
    assert browser.run(CARDS) == 6
    choose(browser, "outcome", "")
    find(browser, "astronaut FLAG 1002")
    assert browser.run(CARDS) == 1
    find(browser, "no such thing")
    assert (
        browser.run("document.querySelector('.empty').textContent") == "No pair is like that. Show all again"
    )
    browser.run("document.querySelector('.empty button').click()")
    assert browser.run(CARDS) == 16
    assert browser.problems() == []


def test_pairs_are_put_in_order(browser: Browser, failed: Path) -> None:
    browser.open(failed)
    names = "[...document.querySelectorAll('#list article .facts > div:first-child dd')].map((dd) => dd.textContent)"
    choose(browser, "order", "sample")
    assert browser.run(names) == [f"models/release-7/{number:05}.png" for number in range(10)]
    choose(browser, "order", "points")
    assert browser.run("document.querySelector('#list .measure').textContent") == "80 points alike"
    choose(browser, "order", "rank")
    assert browser.run("document.querySelector('#list .measure').textContent") == "0.985 score"


def test_checks_that_passed_are_hidden_until_asked_for(browser: Browser, failed: Path) -> None:
    visible = "[...document.querySelectorAll('.checks > li')].filter((item) => item.offsetParent).length"
    browser.open(failed)
    assert browser.run(visible) == 1
    assert browser.run("document.getElementById('checks-hidden').textContent") == "2 checks passed, not shown"
    browser.press("a")
    assert browser.run(visible) == 3
    assert browser.run(CARDS) == 16
    browser.run("failures.click()")
    assert browser.run(visible) == 1
    browser.run("document.querySelector('.show-pairs').click()")
    assert browser.run("document.getElementById('check').value") == "0"
    assert browser.run(FOCUSED) == "pairs"


def test_the_keyboard_does_all(browser: Browser, failed: Path) -> None:
    browser.open(failed)
    browser.run(DECODED)
    for key, focused in (("j", "0"), ("j", "1"), ("k", "0")):
        browser.press(key)
        assert browser.run(FOCUSED) == focused
    stage = "document.activeElement.querySelector('.stage')"
    browser.press("s")
    assert browser.run(f"{stage}.dataset.compare") == "slider"
    browser.press("ArrowRight")
    assert browser.run(f"{stage}.style.getPropertyValue('--shown')") == "55%"
    browser.press("s")
    assert browser.run(f"{stage}.dataset.compare") == "beside"
    browser.press("f")
    seen = set()
    for _ in range(2):
        seen.add(browser.run(f"{stage}.dataset.turn"))
        browser.run("new Promise((done) => setTimeout(done, 620))")
    assert seen == {"sample", "training"}
    browser.press("f")
    assert browser.run(f"{stage}.dataset.compare") == "beside"
    browser.press("o")
    assert browser.run("getComputedStyle(document.querySelector('.outline')).display") == "none"
    browser.press("c")
    browser.wait("document.activeElement.querySelector('.copy').textContent !== 'Copy'")
    browser.press("/")
    assert browser.run(FOCUSED) == "find"
    browser.press("j")
    assert browser.run(f"{FIND}.value") == "j"
    browser.press("Escape")
    browser.press("?")
    assert browser.run("help.open")
    browser.press("Escape")
    assert not browser.run("help.open")
    assert browser.problems() == []


def test_parts_cover_each_other_when_compared(browser: Browser, failed: Path) -> None:
    browser.open(failed)
    choose(browser, "kind", "part")
    browser.run(DECODED)
    box = "(() => {{ const box = document.querySelector('#list .{} polygon').getBoundingClientRect(); return [box.x, box.y, box.width, box.height]; }})()"
    mine, theirs = browser.run(box.format("sample")), browser.run(box.format("training"))
    assert abs(mine[0] - theirs[0]) > 100
    browser.press("j")
    browser.press("s")
    mine, theirs = browser.run(box.format("sample")), browser.run(box.format("training"))
    assert mine == pytest.approx(theirs, abs=1)


def test_who_wants_no_motion_turns_pictures_by_hand(browser: Browser, failed: Path) -> None:
    browser.open(failed)
    browser.run(DECODED)
    browser.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}]
    )
    turned = []
    for key in "jfff":
        browser.press(key)
        browser.run("new Promise((done) => setTimeout(done, 30))")
        turned.append(browser.run("document.activeElement.querySelector('.stage').dataset.turn ?? ''"))
    assert turned == ["", "training", "sample", "training"]


def test_everything_has_a_name_for_who_does_not_see_it(browser: Browser, failed: Path) -> None:
    browser.open(failed)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    named = {
        "button",
        "combobox",
        "searchbox",
        "switch",
        "slider",
        "image",
        "img",
        "article",
        "region",
        "navigation",
        "link",
    }
    seen: dict[str, list[str]] = {}
    for node in nodes:
        if not node.get("ignored"):
            seen.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    for role in named & seen.keys():
        assert all(seen[role]), role
    assert {"banner", "main", "contentinfo", "search"} <= seen.keys()
    assert "Sample models/release-7/00000.png" in seen["image"]
    assert any(name.startswith("Histogram of scores") for name in seen["image"])
    assert len(seen["heading"]) == 4 + 10


def test_a_dark_room_gets_a_dark_page(browser: Browser, failed: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.open(failed)
    light = browser.run(ground)
    browser.open(failed, dark=True)
    assert (light, browser.run(ground)) == ("rgb(246, 245, 242)", "rgb(21, 23, 26)")


def test_a_narrow_page_does_not_run_over(browser: Browser, failed: Path) -> None:
    browser.open(failed, wide=390, high=800)
    browser.run(DECODED)
    assert browser.run("document.documentElement.scrollWidth") <= 390


def test_hostile_data_does_nothing(browser: Browser, make: Make) -> None:
    bad = "</script><script>hit = 1</script><img src=x onerror='hit = 1'><!--"

    def change(data: dict[str, Any]) -> None:
        check = data["checks"][0]
        check.update(test=bad, check=bad, message=bad, threshold_source=bad)
        for pair in check["pairs"]:
            pair.update(
                sample=bad, prompt=bad, training_uri=f"javascript:{bad}", caption=bad, label=bad, seed=bad
            )
        data["run"].update(command=[bad], faults=[{"kind": "lost", "text": bad}])

    browser.open(make(4, change))
    assert browser.run(DECODED) == 8
    assert browser.run("typeof hit") == "undefined"
    assert bad in browser.run("document.querySelector('#list article').textContent")
    assert browser.problems() == []


def test_what_was_left_out_is_named_where_it_would_be(browser: Browser, make: Make) -> None:
    browser.open(make(30, budget=400_000))
    browser.press("n")
    assert browser.run("document.querySelector('#list .absent a').getAttribute('href')").startswith(
        "pictures/"
    )
    assert "are not in this page, to keep it below 400 kB" in browser.run("notes.textContent")
    assert browser.problems() == []


def test_a_pass_shows_how_close_it_was(browser: Browser, make: Make) -> None:
    browser.open(make(0, outcome="pass"))
    assert browser.run(CARDS) == 6
    browser.press("a")
    assert (
        browser.run("document.querySelector('.empty').textContent")
        == "Nothing is replicated. Show 6 pairs that do not count"
    )


def test_verdict_and_checks_need_no_script(browser: Browser, failed: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(failed)
        said = browser.run("document.body.innerText")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert "10 of 200 samples replicate a training image." in said
    assert "which this viewer does not run" in said
    assert "test_prompts[2]" in said
