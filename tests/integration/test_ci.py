"""What CI is told: GitHub's step summary and annotations, properties in JUnit files, and files of other tools."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from junit_rules import read_strictly
from made_results import made_check, made_results

from pytest_replication import read_results
from pytest_replication.cli import main
from pytest_replication.reports.markdown import CAP
from pytest_replication.results import write_results

from .conftest import RunSuite

MIXED = """
    import pytest

    @pytest.mark.parametrize("name", ["a|b", "c"])
    def test_copies(name, assert_no_replication, check_replication):
        check_replication("other", threshold=0.9, name="measured")
        assert_no_replication("few", threshold=0.9)

    def test_broken(assert_no_replication):
        assert_no_replication("no such folder", threshold=0.9)
"""
PASSING = """
    def test_unrelated(assert_no_replication):
        assert_no_replication("other", threshold=0.9)
"""
FAILING = """
    def test_copies(assert_no_replication):
        assert_no_replication("few", threshold=0.9)
"""
ADDRESS = "https://github.example/owner/repo/actions/runs/12"


@pytest.fixture(autouse=True)
def few(pytester: pytest.Pytester, training: Path, unrelated: Path) -> None:
    """Two copies of training images, and an image that is none: more would take longer and say no more."""
    for folder, source, count in (("few", training, 2), ("other", unrelated, 1)):
        pytester.mkdir(folder)
        for path in sorted(source.iterdir())[:count]:
            (pytester.path / folder / path.name).symlink_to(path)


@pytest.fixture
def step(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be a step of a job of GitHub Actions; its summary."""
    summary = pytester.path / "step.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(pytester.path))
    for name, value in (
        ("SERVER_URL", "https://github.example"),
        ("REPOSITORY", "owner/repo"),
        ("RUN_ID", "12"),
    ):
        monkeypatch.setenv(f"GITHUB_{name}", value)
    return summary


def commands(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith("::")]


@pytest.mark.parametrize("args", [(), pytest.param(("-n1",), marks=pytest.mark.slow)])
def test_github_is_told_once(run_suite: RunSuite, step: Path, args: tuple[str, ...]) -> None:
    step.write_text("# of another tool")
    result = run_suite(MIXED, "--replication-report=out", "--junitxml=junit.xml", *args)
    assert result.ret == 1
    told = step.read_text()
    assert told.startswith("# of another tool\n\n## ❌ Replication: FAIL")
    assert told.count("## ❌") == 1
    assert "no such folder" in told
    assert "2 of 2 samples replicate training images" in told
    assert f"[the artefacts of this run]({ADDRESS}#artifacts)" in told
    errors = commands(result)
    file = "file=test_github_is_told_once.py"
    assert [line.split(",")[:2] for line in errors if line.startswith("::error")] == [
        [f"::error {file}", "line=3"],
        [f"::error {file}", "line=3"],
        [f"::error {file}", "line=8"],
    ]
    assert "no such folder" in errors[2]
    held = properties_of(step.parent / "junit.xml")
    assert held["test_broken"] == {}
    copies = held["test_copies[c]"]
    assert (copies["replication_outcome"], copies["replication_2_outcome"]) == ("pass", "fail")
    assert (copies["replication_asserted"], copies["replication_2_asserted"]) == ("false", "true")
    assert copies["replication_2_replicated"] == "2"
    assert len(copies["replication_index_fingerprint"]) == 64


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--replication-baseline=gone.json",), "there is no baseline"),
        (("-o", "replication_treshold=0.5"), "there is no ini key replication_treshold"),
    ],
)
def test_github_is_told_of_what_cannot_begin(
    run_suite: RunSuite, step: Path, args: tuple[str, ...], told: str
) -> None:
    result = run_suite(PASSING, *args)
    assert result.ret == 4
    (error,) = commands(result)
    assert error.startswith("::error title=")
    assert told in error
    assert step.read_text().count("## 💥 Replication: ERROR") == 1
    assert told.replace("_", "") in step.read_text().replace("\\_", "").replace("_", "").replace("&#95;", "")
    step.unlink()
    result = run_suite(PASSING, *args, "--replication-report-private")
    assert (result.ret, len(commands(result))) == (4, 1)
    assert not {"gone.json", "treshold"} & set(re.findall(r"[\w.]+", step.read_text() + commands(result)[0]))
    assert "replication_treshold" not in step.read_text() + commands(result)[0]
    step.unlink()
    result = run_suite(PASSING, *args, "--replication-ci=off")
    assert (result.ret, step.exists(), commands(result)) == (4, False, [])


def test_outside_github_and_where_it_is_off_nothing_is_told(
    run_suite: RunSuite, step: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run_suite(FAILING, "--replication-ci=off")
    assert (result.ret, step.exists(), commands(result)) == (1, False, [])
    result = run_suite(FAILING, "--replication-ci=summary")
    assert (result.ret, step.exists(), commands(result)) == (1, True, [])
    monkeypatch.delenv("GITHUB_ACTIONS")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert commands(run_suite(FAILING)) == []


def test_a_run_that_has_nothing_to_do_with_replication_says_nothing(run_suite: RunSuite, step: Path) -> None:
    result = run_suite("def test_nothing(): pass", index=None)
    assert (result.ret, step.exists(), commands(result)) == (0, False, [])


def test_an_index_without_a_check_is_told(run_suite: RunSuite, step: Path) -> None:
    result = run_suite("def test_nothing(): pass")
    assert result.ret == 0
    assert "NO CHECK" in step.read_text().splitlines()[0]
    assert "no replication check was made" in commands(result)[0]


@pytest.mark.parametrize("code", [PASSING, FAILING])
def test_a_summary_that_is_full_or_cannot_be_written_changes_no_verdict(
    run_suite: RunSuite, step: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    step.write_bytes(b"x" * CAP)
    result = run_suite(code)
    assert result.ret == int(code is FAILING)
    assert step.stat().st_size == CAP
    result.stdout.fnmatch_lines(["replication: the summary of the step has * bytes already*"])
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step.parent))
    result = run_suite(code)
    assert result.ret == int(code is FAILING)
    result.stdout.fnmatch_lines(["replication: the summary of the step cannot be written*"])


def test_private_runs_tell_no_names(run_suite: RunSuite, step: Path) -> None:
    result = run_suite(FAILING, "--replication-report-private", "--junitxml=junit.xml")
    assert result.ret == 1
    for text in (step.read_text(), "\n".join(commands(result))):
        assert "2 of 2 samples replicate training images" in text
        assert "astronaut" not in text
        assert "few/" not in text
    held = properties_of(step.parent / "junit.xml")["test_copies"]
    assert held["replication_outcome"] == "fail"
    assert "replication_threshold_source" not in held


def properties_of(path: Path) -> dict[str, dict[str, str]]:
    """Properties of each test case in a JUnit file of pytest."""
    cases = ElementTree.parse(path).iter("testcase")
    return {
        str(case.get("name")): {
            str(each.get("name")): str(each.get("value")) for each in case.iter("property")
        }
        for case in cases
    }


def test_properties_are_those_of_the_last_attempt(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        from _pytest.runner import runtestprotocol

        def pytest_runtest_protocol(item, nextitem):
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            runtestprotocol(item, nextitem=nextitem, log=False)
            item._initrequest()
            for report in runtestprotocol(item, nextitem=nextitem, log=False):
                item.ihook.pytest_runtest_logreport(report=report)
            item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            return True
        """
    )
    run_suite(PASSING, "--junitxml=junit.xml")
    cases = ElementTree.parse(pytester.path / "junit.xml").iter("property")
    names = [each.get("name") for each in cases]
    assert "replication_outcome" in names
    assert len(set(names)) == len(names)
    assert "replication_2_outcome" not in names


def test_the_verb_writes_files_of_other_tools(
    run_suite: RunSuite, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    run_suite(MIXED, "--replication-report=out")
    out = pytester.path
    results = read_results(out / "out")
    assert [check["test_line"] for check in results.checks] == [3] * 4
    assert results.run["errors"][0]["test_line"] == 8
    options = ("markdown", "junit", "sarif", "gitlab", "model-card")
    args = [text for option in options for text in (f"--{option}", str(out / option))]
    assert main(["report", str(out / "out"), *args]) == 0
    root = read_strictly((out / "junit").read_text())
    assert [len(list(root.iter(tag))) for tag in ("failure", "error", "testcase")] == [2, 1, 5]
    rules = [result["ruleId"] for result in json.loads((out / "sarif").read_text())["runs"][0]["results"]]
    assert (rules.count("replication/replicated"), rules.count("replication/error")) == (4, 1)
    assert len(json.loads((out / "gitlab").read_text())) == 5
    assert "**The model copies training images.**" in (out / "model-card").read_text()
    assert (out / "markdown").read_text() == (out / "out" / "summary.md").read_text()
    assert main(["report", str(out / "out"), "--code-quality", str(out / "same")]) == 0
    assert (out / "same").read_text() == (out / "gitlab").read_text()
    capsys.readouterr()
    assert main(["report", str(out / "out"), "--markdown", "-"]) == 0
    assert capsys.readouterr().out == (out / "markdown").read_text()


def test_a_summary_reaches_a_pipe_that_takes_ascii(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(pytester.path / "results.json", made_results(made_check(check="ä")).data)
    for options in ([], ["--markdown", "-"]):
        pipe = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(pipe, encoding="ascii"))
        assert main(["report", str(pytester.path), *options]) == 0
        assert "ä" in pipe.getvalue().decode() or not options


def test_settings_that_cannot_be(run_suite: RunSuite) -> None:
    result = run_suite(PASSING, "--replication-ci=sumary")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*'sumary' is neither auto nor off*"])


def test_a_repository_root_above_or_below_is_found(
    run_suite: RunSuite, step: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(step.parent.parent))
    [line] = commands(run_suite(FAILING))[:1]
    assert f"file={step.parent.name}/test_a_repository" in line
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path_factory.mktemp("elsewhere")))
    [line] = commands(run_suite(FAILING))[:1]
    assert line.startswith("::error title=")


@pytest.mark.parametrize("private", [(), ("--replication-report-private",)], ids=["open", "private"])
def test_a_regression_is_told(run_suite: RunSuite, step: Path, private: tuple[str, ...]) -> None:
    measure = "def test_a(check_replication): check_replication('photos/{}', threshold=0.9)"
    args = ("--replication-baseline=base.json", *private)
    assert run_suite(measure.format("unrelated"), *args, "--replication-update-baseline").ret == 0
    step.unlink()
    result = run_suite(measure.format("training"), *args)
    assert result.ret == 1
    told = step.read_text()
    assert told.startswith("## ❌ Replication: FAIL: The model copies more than the last release did")
    assert "| WORSE |" in told
    assert "0 of 11 (0 %) then, 20 of 20 (100 %) now" in told
    assert "What could not be checked" not in told
    [line] = [line for line in commands(result) if line.startswith("::error")]
    assert line.startswith("::error file=test_a_regression_is_told.py,line=1,")
    assert "worse than the last release" in line


def test_a_sample_that_cannot_be_read_gives_no_commands(
    run_suite: RunSuite, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    evil = "a\n::error::PWNED\r::warning::X\x1b[2J##[error]Y.jpg"
    (pytester.mkdir("made") / evil).write_text("no image")
    code = """
        def test_made(assert_no_replication):
            assert_no_replication("made", threshold=0.9)
    """
    gate = ("--replication-gate=no_replication", "--replication-samples=made", "--replication-threshold=0.9")
    for result in (run_suite(code), run_suite("", "--tb=short", *gate)):
        text = result.outlines + result.errlines
        assert any("cannot be read" in line for line in text)
        assert not [line for line in text if line.lstrip().startswith(("::error::PWNED", "::warning::X"))]
        assert not [line for line in text if "##[" in line or "\x1b[2J" in line or "\r" in line]
