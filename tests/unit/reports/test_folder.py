from __future__ import annotations

import numpy as np
import pytest
from made_results import made_check, made_pair, made_results
from PIL import Image

from pytest_replication.errors import SettingsError
from pytest_replication.reports.folder import begin_report, pictures_for, write_report
from pytest_replication.reports.gitlab import gitlab
from pytest_replication.reports.html.budget import least_budget
from pytest_replication.reports.junit import junit
from pytest_replication.reports.model_card import model_card
from pytest_replication.reports.own_files import is_ours
from pytest_replication.reports.sarif import sarif
from pytest_replication.results import read_results, write_results
from pytest_replication.results.pictures import picture_name

MADE = {
    "summary.md": "## ❌ Replication: FAIL",
    "report.html": "<!DOCTYPE html><title>Fail: replication report</title>",
}
OF_CI = {
    "junit.xml": junit,
    "replication.sarif": sarif,
    "code-quality.json": gitlab,
    "model-card.md": model_card,
}


def test_a_run_that_begins_takes_what_was_made_of_the_last_one_away(tmp_path):
    write_results(tmp_path / "results.json", made_results(made_check()).data)
    ours = (
        "junit.xml",
        "replication.sarif",
        "code-quality.json",
        "model-card.md",
        "summary.md",
        "report.html",
    )
    results = read_results(tmp_path)
    for name in (*ours, "of-somebody-else.xml"):
        render = OF_CI.get(name, lambda _, name=name: MADE.get(name, "stale"))
        (tmp_path / name).write_text(render(results))
    begin_report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["of-somebody-else.xml"]


def test_without_results_of_ours_nothing_is_taken_away(tmp_path):
    (tmp_path / "junit.xml").write_text("of another tool")
    begin_report(tmp_path)
    assert (tmp_path / "junit.xml").exists()


@pytest.mark.parametrize("name", ["report.html", "summary.md"])
@pytest.mark.parametrize("again", [False, True])
def test_pages_of_somebody_else_are_left_alone(tmp_path, name, again):
    data = made_results(made_check()).data
    if again:
        write_results(tmp_path / "results.json", data)
    (tmp_path / name).write_text("<html><title>Another report</title>")
    for write in (begin_report, lambda folder: write_report(folder, data)):
        with pytest.raises(
            SettingsError, match=f"{name} is of no report of this package: name another folder"
        ):
            write(tmp_path)
        assert "Another" in (tmp_path / name).read_text()


def test_what_a_report_wrote_is_taken_away_by_the_next(tmp_path):
    write_report(tmp_path, made_results(made_check()).data)
    (tmp_path / "results.json").unlink()  # a run that died
    (tmp_path / ".results.json.0123456789abcdef.new").touch()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / picture_name(b"made")).write_bytes(b"made")
    (tmp_path / "pictures" / f".{'b' * 40}.webp.0123456789abcdef.new").touch()
    begin_report(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["pictures"]


@pytest.mark.parametrize("checks", [0, 1, 2])
@pytest.mark.parametrize("name", OF_CI)
def test_what_ci_makes_of_results_is_known_again(tmp_path, name, checks):
    failing = made_check(pairs=[made_pair(number) for number in range(3)], replicated=3, samples=9)
    passing = made_check(test="tests/test_a.py::test_b", outcome="pass")
    made = made_results(*(passing, failing)[:checks])
    (tmp_path / name).write_text(OF_CI[name](made), encoding="utf-8")
    assert is_ours(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "junit.xml",
            '<?xml version="1.0"?><testsuites name="pytest tests"><testsuite name="pytest" errors="0"',
        ),
        ("replication.sarif", '{"runs": [{"tool": {"driver": {"name": "another"}}}]}'),
        ("code-quality.json", '[{"description": "x", "check_name": "eslint/semi"}]'),
        ("model-card.md", "# My model"),
    ],
)
def test_files_of_other_tools_stay_beside_results(tmp_path, name, content):
    write_results(tmp_path / "results.json", made_results(made_check()).data)
    (tmp_path / name).write_text(content)
    begin_report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("results", [False, True])
def test_pictures_of_somebody_else_stay(tmp_path, results):
    """Whatever they are called: ours are named by their content."""
    data = made_results(made_check(pairs=[made_pair(0)], replicated=1)).data
    if results:
        write_results(tmp_path / "results.json", data)
    ours = pictures_for(tmp_path, 100_000).add(Image.new("RGB", (8, 8)))
    names = [f"{'0f' * 16}.webp", f"{'0f' * 20}.webp", f"{'0f' * 32}.webp", ".mine.webp.0123456789abcdef.new"]
    for name in names:
        (tmp_path / "pictures" / name).write_bytes(b"mine")
    begin_report(tmp_path)
    assert not (tmp_path / ours).exists()
    pictures_for(tmp_path, 100_000).add(Image.new("RGB", (8, 8)))
    write_report(tmp_path, data)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == sorted(names)


def test_pictures_are_neither_written_nor_deleted_through_a_link(tmp_path):
    (tmp_path / "album").mkdir()
    mine = tmp_path / "album" / picture_name(b"mine")
    mine.write_bytes(b"mine")
    report = tmp_path / "report"
    write_report(report_folder(report), made_results(made_check()).data)
    (report / "pictures").symlink_to(tmp_path / "album")
    with pytest.raises(SettingsError, match="pictures is a link"):
        begin_report(report)
    with pytest.raises(OSError, match="pictures is a link"):
        pictures_for(report, 100_000)
    assert [path.read_bytes() for path in (tmp_path / "album").iterdir()] == [b"mine"]
    assert (report / "report.html").exists()


def test_a_link_in_the_place_of_a_picture_is_left_alone(tmp_path):
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / picture_name(b"mine")).symlink_to(tmp_path / "mine")
    begin_report(tmp_path)
    assert (tmp_path / "pictures" / picture_name(b"mine")).is_symlink()
    assert (tmp_path / "mine").read_bytes() == b"mine"


def report_folder(folder):
    folder.mkdir()
    return folder


def test_the_worst_model_has_a_page_and_a_summary_too(tmp_path):
    pairs = [made_pair(number, prompt="a" * 700, caption="b" * 700) for number in range(300)]
    check = made_check(pairs=pairs, replicated=300, samples=300)
    results = write_report(tmp_path, made_results(check).data, budget=200_000)
    assert results.path.stat().st_size > 400_000
    page = (tmp_path / "report.html").read_text()
    assert len(page) <= 100_000
    assert "pairs are not in this page" in page
    summary = (tmp_path / "summary.md").read_text()
    assert "FAIL" in summary
    assert 1_000 < len(summary.encode()) <= 20_000


@pytest.mark.parametrize(("budget", "over"), [(200_000, True), (1_500_000, False)])
def test_a_page_says_that_its_report_takes_more_than_it_may(tmp_path, budget, over):
    pairs = [made_pair(number, prompt="a" * 700) for number in range(300)]
    check = made_check(pairs=pairs, replicated=300, samples=300)
    write_report(tmp_path, made_results(check).data, budget=budget)
    page = (tmp_path / "report.html").read_text()
    total = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert (total > budget) == over
    assert (f"The report takes more than the {budget // 1000} kB that it was to have" in page) == over
    assert len(page.encode()) <= max(budget // 2, budget - total + len(page.encode()))


@pytest.mark.parametrize("pairs", [10, *range(34, 70, 3), 120])
def test_a_budget_is_kept_wherever_results_leave_room(tmp_path, pairs):
    budget = 120_000
    stored = pictures_for(tmp_path, budget)
    noise = np.random.default_rng(0).integers(0, 256, (30, 20, 20, 3), dtype=np.uint8)
    shown = [stored.add(Image.fromarray(one)) for one in noise]
    made = [made_pair(number, prompt="a" * 200) for number in range(pairs)]
    for pair, path in zip(made, shown, strict=False):
        pair["pictures"] = {"sample": path, "training": path}
    data = made_results(made_check(pairs=made, replicated=pairs, samples=pairs)).data
    write_report(tmp_path, data, budget=budget)
    total = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    page = tmp_path / "report.html"
    beside = total - page.stat().st_size
    assert total <= budget or beside > budget - least_budget()
    assert ("The report takes more than the 120 kB" in page.read_text()) == (total > budget)
