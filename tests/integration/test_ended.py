"""Runs that are green by a plugin, a mark or a skip, and red ones whose checks all passed."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from PIL import Image

from pytest_replication import read_results
from pytest_replication._plugin.ended import FIXTURES
from pytest_replication.cli import main
from pytest_replication.reports.junit import junit
from pytest_replication.reports.markdown import summary
from pytest_replication.reports.model_card import model_card
from pytest_replication.reports.sarif import sarif_data

from .conftest import RunSuite

RETRY = """
    import pytest

    # What pytest-retry does: one report of several runs, that of the last.
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(item, call):
        outcome = yield
        report = outcome.get_result()
        if call.when != "call" or not report.failed:
            return
        report.outcome = "retried"
        item.ihook.pytest_runtest_logreport(report=report)
        report.outcome = "failed"
        pytest.CallInfo.from_call(lambda: item.ihook.pytest_runtest_teardown(
            item=item, nextitem=pytest.Class.from_parent(item.session, name="none")), when="teardown")
        item._initrequest()
        pytest.CallInfo.from_call(lambda: item.ihook.pytest_runtest_setup(item=item), when="setup")
        call = pytest.CallInfo.from_call(lambda: item.ihook.pytest_runtest_call(item=item), when="call")
        again = pytest.TestReport.from_item_and_call(item, call)
        report.outcome, report.longrepr = again.outcome, again.longrepr

    def pytest_report_teststatus(report):
        if report.outcome == "retried":
            return "retried", "R", "RETRY"
"""
OUTSIDE = f"""
    import types

    def pytest_sessionstart(session):
        # Registered after our hooks, so that it is around them.
        plugin = types.ModuleType("retry")
        exec({dedent(RETRY)!r}, vars(plugin))
        session.config.pluginmanager.register(plugin)
"""
INSIDE = """
    import pytest

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(item):
        try:
            return (yield)
        except Exception:
            return item.runtest()
"""
CHANGED = """
    import pytest

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(item, call):
        report = yield
        report.outcome = "passed" if report.failed else report.outcome
        return report
"""
FLAKY = """
    tries = []

    def test_release(assert_no_replication):
        tries.append(1)
        assert_no_replication("few" if len(tries) == 1 else "other", threshold=0.9)
"""
PASSING = """
    def test_fine(assert_no_replication):
        assert_no_replication("other", threshold=0.9)
"""
REPORT = "--replication-report=out"


@pytest.fixture(autouse=True)
def few(pytester: pytest.Pytester, training: Path, unrelated: Path) -> None:
    """A copy of a training image, and an image that is none; small."""
    for folder, source in (("few", training / "cat.jpg"), ("other", unrelated / "moon.jpg")):
        with Image.open(source) as image:
            image.resize((96, 64)).save(pytester.mkdir(folder) / "a.png")


def data(pytester: pytest.Pytester) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((pytester.path / "out" / "results.json").read_text())
    return found


@pytest.mark.parametrize(
    ("plugin", "said"),
    [(RETRY, "run again until it did"), (OUTSIDE, "run again until it did"), (INSIDE, "as if it had not")],
    ids=["within", "around", "in the call"],
)
def test_one_report_of_several_runs_hides_no_copy(
    run_suite: RunSuite, pytester: pytest.Pytester, plugin: str, said: str
) -> None:
    pytester.makeconftest(plugin)
    result = run_suite(FLAKY, REPORT)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"ERROR: *{said}*"])
    found = data(pytester)
    assert found["outcome"] == "fail"
    assert [check["outcome"] for check in found["checks"]] == ["fail", "pass"]
    assert found["run"]["errors"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plugin", "args", "mark", "status"),
    [
        ("pytest_retry", ("--retries=1", "-p", "no:flaky"), "", 1),
        ("pytest_rerunfailures", ("--reruns=1", "-p", "no:flaky"), "", 1),
        ("flaky", ("-p", "no:rerunfailures", "-p", "no:pytest-retry"), "@__import__('flaky').flaky", 3),
    ],
    ids=["pytest-retry", "pytest-rerunfailures", "flaky"],
)
def test_the_plugins_themselves_hide_no_copy(
    pytester: pytest.Pytester, built_pixels: Path, plugin: str, args: tuple[str, ...], mark: str, status: int
) -> None:
    pytest.importorskip(plugin)
    pytester.makepyfile(dedent(FLAKY).replace("def test_release", f"{mark}\ndef test_release"))
    result = pytester.runpytest_subprocess(f"--replication-index={built_pixels}", *args)
    assert result.ret == status
    result.stdout.fnmatch_lines(["ERROR: *"])


def test_one_report_of_several_runs_hides_no_copy_of_a_ready_test(
    run_suite: RunSuite, pytester: pytest.Pytester
) -> None:
    samples = """
    tries = []

    @pytest.fixture
    def replication_samples():
        tries.append(1)
        return "few" if len(tries) == 1 else "other"
    """
    pytester.makeconftest(RETRY + samples)
    args = ("--replication-gate", "--replication-threshold=0.9", "--replication-require-checks")
    result = run_suite("def test_own(): pass", *args)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR: * replication gate::no_replication was run again until it did*"])


def test_an_error_before_a_check_may_be_run_again_in_one_report(
    run_suite: RunSuite, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(RETRY)
    assert run_suite(FLAKY.replace('"few"', '"nowhere"'), REPORT).ret == 0
    found = data(pytester)
    assert (found["outcome"], found["run"]["errors"]) == ("pass", [])


@pytest.mark.parametrize("samples", ["few", "nowhere"])
def test_a_report_that_was_turned_green_is_red(
    run_suite: RunSuite, pytester: pytest.Pytester, samples: str
) -> None:
    pytester.makeconftest(CHANGED)
    result = run_suite(PASSING.replace("other", samples))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR: *::test_fine failed of a check*as if it had not*"])


def test_a_failure_that_a_test_expects_stays_green(run_suite: RunSuite) -> None:
    code = """
        import pytest
        from pytest_replication import ReplicationDetected

        def test_control(assert_no_replication):
            with pytest.raises(ReplicationDetected):
                assert_no_replication("few", threshold=0.9)
            assert_no_replication("other", threshold=0.9)
    """
    assert run_suite(code).ret == 0


DIES = (
    PASSING
    + """
    def test_release(assert_no_replication):
        raise RuntimeError("CUDA out of memory")
"""
)
BESIDE = """
    def test_fine(assert_no_replication):
        assert_no_replication("other", threshold=0.9)
        assert 1 == 2
"""
SETUP = (
    PASSING
    + """
    import pytest

    @pytest.fixture
    def model():
        raise RuntimeError("CUDA out of memory")

    def test_release(model):
        pass
"""
)
RED = {
    "before its check": (DIES, (), "has no verdict: RuntimeError: CUDA out of memory"),
    "beside its check": (BESIDE, (), "failed, and none of its checks says why: assert 1 == 2"),
    "in a fixture": (SETUP, (), "has no verdict: RuntimeError: CUDA out of memory"),
    "not collected": (
        PASSING,
        ("--continue-on-collection-errors",),
        "cannot be collected: ModuleNotFoundError: No module named 'not_there'",
    ),
}


@pytest.mark.parametrize("case", RED)
def test_a_red_run_whose_checks_passed_looks_like_no_pass(
    run_suite: RunSuite, pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    code, args, said = RED[case]
    if case == "not collected":
        (pytester.path / "test_broken.py").write_text("import not_there\n")
    assert run_suite(code, REPORT, *args).ret == 1
    found = data(pytester)
    assert found["outcome"] == "error"
    assert [check["outcome"] for check in found["checks"]] == ["pass"]
    [error] = found["run"]["errors"]
    assert error["message"].startswith(said)
    assert error["test_file"].endswith(".py")
    results = read_results(pytester.path / "out")
    assert "💥 Replication: ERROR: a test ended without a verdict" in summary(results)
    assert said.partition(":")[0] in summary(results)
    assert "check passed" not in model_card(results)
    assert junit(results).count("<error") == 1
    [run] = sarif_data(results)["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert [result["ruleId"] for result in run["results"]] == ["replication/no-verdict"]
    capsys.readouterr()
    out = str(pytester.path / "out")
    assert main(["compare", out, out]) == 3


def test_a_test_that_was_skipped_is_told(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    code = (
        PASSING
        + """
    import pytest

    def test_release(assert_no_replication):
        pytest.skip("not today")

    @pytest.mark.skip(reason="nothing of ours")
    def test_other():
        pass
    """
    )
    result = run_suite(code, REPORT)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["WARNING: *::test_release was skipped, and has checked nothing: not today"])
    found = data(pytester)
    assert found["outcome"] == "pass"
    assert [(test["test"].partition("::")[2], test["message"]) for test in found["run"]["skipped"]] == [
        ("test_release", "not today")
    ]
    told = summary(read_results(pytester.path / "out"))
    assert told.startswith("## ✅ Replication: PASS")
    assert "so that it has checked nothing" in told
    assert "not today" in told


@pytest.mark.parametrize("samples", ["few", "other"])
def test_no_mark_turns_a_ready_test_green(
    run_suite: RunSuite, pytester: pytest.Pytester, samples: str
) -> None:
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.xfail)
        """
    )
    args = (f"--replication-samples={samples}", "--replication-threshold=0.9", "--replication-gate")
    result = run_suite("def test_own(): assert 0", *args)
    assert result.ret == int(samples == "few")
    if result.ret:
        result.stdout.fnmatch_lines(["ERROR: replication gate::no_replication did not pass, and * xfail *"])


COUNTED = {
    "repeats": ("assert_no_duplicates_within('photos/unrelated', 0.95)", 1),
    "leak": ("assert_no_leak(index, 'other', 0.9)", 1),
    "another index": ("assert_no_replication('other', 0.9, index=another)", 1),
    "the same index": ("assert_no_replication('other', 0.9, index=index)", 0),
}


@pytest.mark.parametrize("case", COUNTED)
def test_only_checks_of_the_index_are_what_is_required(
    run_suite: RunSuite, built_pixels: Path, built_captioned: Path, case: str
) -> None:
    call, status = COUNTED[case]
    code = f"""
        import pytest_replication
        from pytest_replication import *

        index = pytest_replication.open_index({str(built_pixels)!r})
        another = {str(built_captioned)!r}

        def test_it():
            pytest_replication.{call}
    """
    result = run_suite(code, "--replication-require-checks")
    result.assert_outcomes(passed=1)
    assert result.ret == status
    if status:
        result.stdout.fnmatch_lines(["ERROR: no check that was asserted compares samples with the index *"])


def test_the_fixtures_are_those_of_the_plugin() -> None:
    from pytest_replication import plugin

    marks = ("_get_wrapped_function", "_pytestfixturefunction")  # the second: pytest before 8.4
    ours = {name for name, held in vars(plugin).items() if any(hasattr(held, mark) for mark in marks)}
    assert ours - {"replication_settings"} == FIXTURES
