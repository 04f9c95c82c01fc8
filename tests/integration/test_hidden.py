"""What a run could hide without meaning to: a check that failed, or one that was about something else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_replication import BuildOptions, build_index

from .conftest import MODEL, RunSuite

RERUNS = """
    import pytest

    def pytest_runtest_protocol(item, nextitem):
        # What plugins do that run a failed test again.
        from _pytest.runner import runtestprotocol

        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for attempt in range(2):
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
            failed = any(report.failed for report in reports)
            for report in reports:
                if report.failed and attempt == 0:
                    report.outcome = "rerun"
                item.ihook.pytest_runtest_logreport(report=report)
            if not failed:
                break
        return True

    def pytest_report_teststatus(report):
        if report.outcome == "rerun":
            return "rerun", "R", "RERUN"
"""
FLAKY = """
    attempts = []

    def test_release(assert_no_replication):
        attempts.append(1)
        assert_no_replication("photos/" + ("training", "unrelated")[len(attempts) - 1], threshold=0.9)
"""


def test_a_check_that_failed_is_not_taken_back_by_another_run(
    run_suite: RunSuite, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(RERUNS)
    result = run_suite(FLAKY)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["ERROR: a check did not pass and *::test_release was run again until it did*"]
    )


def test_an_error_before_a_check_may_be_run_again(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(RERUNS)
    result = run_suite(FLAKY.replace('("training", ', '("nowhere", '))
    assert result.ret == pytest.ExitCode.OK


CAUGHT = """
    def test_release(assert_no_replication):
        try:
            assert_no_replication("photos/nowhere", threshold=0.9)
        except Exception:
            pass
"""


def test_an_error_that_a_test_caught_is_told(run_suite: RunSuite) -> None:
    result = run_suite(CAUGHT, "--replication-require-checks")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["WARNING: *::test_release caught an error of a check and passed: *"])


ELSEWHERE = """
    import pytest

    @pytest.mark.parametrize("place", ["one", "two"])
    def test_each(assert_no_replication, check_replication, monkeypatch, request, place):
        photos = request.config.rootpath / "photos"
        monkeypatch.chdir(request.config.rootpath / place)
        verdict = check_replication(photos / "training", threshold=0.9, index="index")
        assert verdict.passed == (place == "two")
"""


def test_an_index_is_the_one_of_the_folder_that_a_test_stands_in(
    run_suite: RunSuite, pytester: pytest.Pytester, built_pixels: Path, pictures: Path
) -> None:
    shutil.copytree(built_pixels, pytester.path / "one" / "index")
    build_index(pictures, pytester.path / "two" / "index", BuildOptions(embedder="pixels"))
    run_suite(ELSEWHERE, index=None).assert_outcomes(passed=2)


MOVED = """
    import pytest

    @pytest.fixture(autouse=True)
    def elsewhere(monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)

    def test_release(replication_samples, assert_no_replication):
        assert_no_replication(replication_samples, threshold=0.9)
"""


def test_paths_of_the_command_line_stay_where_they_were(
    run_suite: RunSuite, pytester: pytest.Pytester, built_pixels: Path
) -> None:
    (pytester.path / "index").symlink_to(built_pixels)
    for samples in ("--replication-samples=photos/unrelated", "--replication-model=photos/unrelated"):
        run_suite(MOVED, samples, "--replication-missing=skip", index="index").assert_outcomes(passed=1)


SHRUNK = """
    def test_a_look(replication_samples):
        for image in replication_samples:
            image.thumbnail((1, 1))

    def test_release(replication_samples, assert_no_replication):
        assert_no_replication(replication_samples, threshold=0.98)
"""


def test_what_a_test_does_to_samples_changes_no_other_test(
    run_suite: RunSuite, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(toy_release=MODEL)
    result = run_suite(SHRUNK, "--replication-model=toy_release:copying", "--replication-count=3")
    result.assert_outcomes(passed=1, failed=1)
