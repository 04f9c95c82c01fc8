"""Tests that a plugin runs in children of the process that collects their checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_replication import read_results

from .conftest import PASSING, WITHOUT_XDIST, RunSuite

FORKS = """
    import json, os
    import pytest
    from _pytest.runner import runtestprotocol

    # What pytest-forked does: each test in a child, whose reports come home as plain data.
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(item, nextitem):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        hook, of = item.config.hook, {"config": item.config}
        there, back = os.pipe()
        child = os.fork()
        if not child:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
            with os.fdopen(back, "w") as file:
                json.dump([hook.pytest_report_to_serializable(report=each, **of) for each in reports], file)
            os._exit(0)
        os.close(back)
        with os.fdopen(there) as file:
            reports = json.load(file)
        os.waitpid(child, 0)
        for each in reports:
            report = hook.pytest_report_from_serializable(data=each, **of)
            hook.pytest_runtest_logreport(report=report)
        return True
"""
SUITE = """
    import pytest
    from pytest_replication import assert_no_replication

    def test_first():
        assert_no_replication("photos/unrelated", threshold=0.9)

    def test_copies():
        assert_no_replication("photos/training", threshold=0.9)

    @pytest.mark.xfail
    def test_known():
        assert_no_replication("photos/training", threshold=0.9)
"""


@pytest.mark.parametrize(
    "across", [WITHOUT_XDIST, pytest.param(("-n1",), marks=pytest.mark.slow)], ids=["no-xdist", "n1"]
)
def test_checks_of_children_all_arrive(
    pytester: pytest.Pytester, photos: Path, built_pixels: Path, across: tuple[str, ...]
) -> None:
    pytester.makeconftest(FORKS)
    pytester.makepyfile(SUITE)
    always = ("-p", "no:cacheprovider", "-p", "no:randomly", "--replication-report=found")
    # In a process of its own: one with threads is not to be forked.
    result = pytester.runpytest_subprocess(*always, f"--replication-index={built_pixels}", *across)
    result.assert_outcomes(passed=1, failed=1, xfailed=1)
    run = read_results(pytester.path / "found").data
    assert [check["outcome"] for check in run["checks"]] == ["fail", "pass", "fail"]
    assert (run["outcome"], run["run"]["skipped"], run["run"]["faults"]) == ("fail", [], [])
    assert "was skipped" not in result.stdout.str()


ALIKE = """
    import pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(report):
        for row in getattr(report, "replication_rows", []):
            row.update(test="test_it", process=1, serial=0)
"""


@pytest.mark.parametrize("second", ["unrelated", "training"])
def test_checks_that_look_alike_are_no_pass(
    run_suite: RunSuite, pytester: pytest.Pytester, second: str
) -> None:
    pytester.makeconftest(ALIKE)
    known = "\n    @pytest.mark.xfail" if second == "training" else ""
    result = run_suite(
        f"""
    import pytest
    from pytest_replication import assert_no_replication

    def test_first():
        assert_no_replication("photos/unrelated", threshold=0.9)
{known}
    def test_second():
        assert_no_replication("photos/{second}", threshold=0.95)
    """,
        "--replication-report=found",
    )
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stdout.fnmatch_lines(
        ["ERROR: two checks of test_it arrived as one: a plugin that runs tests in *"]
    )
    run = read_results(pytester.path / "found").data
    assert (run["outcome"], [each["kind"] for each in run["run"]["faults"]]) == ("error", ["lost"])


def test_a_report_that_is_sent_twice_counts_once(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import copy
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logreport(report):
            if report.when == "call" and not hasattr(report, "again"):
                again = copy.deepcopy(report)
                again.again = True
                report.again = False
                pytest.hooks.pytest_runtest_logreport(report=again)

        def pytest_configure(config):
            pytest.hooks = config.hook
        """
    )
    result = run_suite(PASSING, "--replication-report=found")
    assert result.ret == pytest.ExitCode.OK
    assert len(read_results(pytester.path / "found").data["checks"]) == 1
