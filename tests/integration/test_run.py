"""A run as a whole: red stays red, checks arrive, nothing happens that nobody asked for."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from textwrap import dedent

import pytest
from PIL import Image

from pytest_replication import remove_images
from pytest_replication._plugin import run
from pytest_replication._plugin.run_end import RunEnd
from pytest_replication.reports.pictures import SIDE

from .conftest import FAILING, PASSING, WITHOUT_XDIST, RunSuite

MANY = """
    import pytest

    @pytest.mark.parametrize("number", range(6))
    def test_many(number, assert_no_replication):
        assert_no_replication("photos/unrelated", threshold=0.9, name=f"check {number}")
        assert_no_replication("photos/unrelated", threshold=0.95)
"""


def test_every_check_of_every_worker_arrives_once(run_suite: RunSuite, plugin_args: tuple[str, ...]) -> None:
    result = run_suite(MANY, *plugin_args)
    result.assert_outcomes(passed=6)
    lines = [line for line in result.outlines if line.startswith("PASS")]
    assert len(lines) == 12
    for number in range(6):
        assert sum(f"[check {number}]" in line for line in lines) == 1


@pytest.mark.slow
def test_without_a_terminal_the_verdict_is_the_same(run_suite: RunSuite) -> None:
    assert run_suite(PASSING, "-p", "no:terminal").ret == 0
    for args in (WITHOUT_XDIST, ("-n1",)):
        assert run_suite(FAILING, *args, "-p", "no:terminal").ret == 1


def test_what_a_worker_found_is_told_as_it_is_without_one(
    run_suite: RunSuite, pytester: pytest.Pytester, damaged: Path
) -> None:
    remove_images(damaged, ids=["cat.jpg", "coffee.jpg"])
    result = run_suite(
        """
        import pytest
        from pathlib import Path
        from PIL import Image
        from pytest_replication import assert_no_replication

        def test_imported():
            image = Image.open(min(Path("photos/unrelated").iterdir()))
            assert_no_replication([image, image], 0.9)

        def test_copies(assert_no_replication):
            assert_no_replication("photos/training", 0.9)

        def test_claim(assert_no_replication):
            assert_no_replication("photos/unrelated", 0.9, max_rate=0.1)

        @pytest.mark.xfail
        def test_broken(assert_no_replication):
            assert_no_replication([], 0.9)
        """,
        "-n1",
        "--junit-xml=junit.xml",
        index=damaged,
    )
    result.assert_outcomes(passed=1, failed=1, errors=2)
    assert result.ret == 1
    result.stdout.fnmatch_lines_random(
        [
            "FAIL *::test_copies *",
            "INCONCLUSIVE *::test_claim *",
            "PASS *::test_imported *",
            "      WARNING: only 1 of 2 samples is distinct: the bounds of the rate count these",
            "WARNING: 2 training images were removed from the index: copies of them are not found",
            "ERROR *::test_broken*",
        ]
    )
    assert sum(line.startswith("WARNING: 2 training images were removed") for line in result.outlines) == 1
    (suite,) = ET.parse(pytester.path / "junit.xml").getroot()
    sound = [case for case in suite.iter("testcase") if {child.tag for child in case} <= {"properties"}]
    assert [case.get("name") for case in sound] == ["test_imported"]
    assert len(list(suite.iter("testcase"))) == 4


def test_collecting_loads_nothing_and_fails_nothing(
    run_suite: RunSuite, plugin_args: tuple[str, ...]
) -> None:
    result = run_suite(
        PASSING, *plugin_args, "--collect-only", "--replication-require-checks", index="/nowhere"
    )
    assert result.ret == 0


NO_CHECKS = "def test_it(): pass"


def test_a_run_without_checks_says_so(run_suite: RunSuite) -> None:
    quiet = run_suite(NO_CHECKS)
    assert quiet.ret == 0
    quiet.stdout.fnmatch_lines(["no replication check was made: --replication-gate makes one where *"])
    broken = run_suite("def test_it(assert_no_replication): assert_no_replication([], 0.9)")
    broken.stdout.fnmatch_lines(["no replication check was made"])  # the error says what to do


def test_a_run_without_checks_fails_if_checks_are_required(
    run_suite: RunSuite, plugin_args: tuple[str, ...]
) -> None:
    required = run_suite(NO_CHECKS, *plugin_args, "--replication-require-checks")
    assert required.ret == 1
    required.stdout.fnmatch_lines(["ERROR: no replication check was asserted, and * is set"])
    assert run_suite(f"{NO_CHECKS}\n{dedent(PASSING)}", *plugin_args, "--replication-require-checks").ret == 0


def test_checks_may_be_required_in_the_ini_file(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nreplication_require_checks = true\n")
    assert run_suite(NO_CHECKS).ret == 1


@pytest.mark.parametrize("selection", [("-k", "nothing_like_this"), ("--ignore-glob", "*.py")])
def test_a_selection_of_nothing_is_never_green_when_checks_are_required(
    run_suite: RunSuite, selection: tuple[str, ...]
) -> None:
    result = run_suite(PASSING, *selection, "--replication-require-checks")
    assert result.ret == 1


def test_a_project_that_does_not_use_the_plugin_sees_nothing_of_it(run_suite: RunSuite) -> None:
    result = run_suite(NO_CHECKS, index=None)
    assert result.ret == 0
    result.stdout.no_fnmatch_line("replication*:*")
    result.stdout.no_fnmatch_line("*no replication check*")


UNSERIALISABLE = """
    import numpy as np

    def test_number(record_property):
        record_property("score", np.float32(0.5))  # kills a worker of pytest-xdist
        assert False
"""


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_worker_that_dies_of_its_report_does_not_leave_the_run_green(
    run_suite: RunSuite, workers: str
) -> None:
    assert run_suite(UNSERIALISABLE, *WITHOUT_XDIST).ret == 1
    assert run_suite(UNSERIALISABLE, f"-n{workers}").ret != 0


def test_the_guard_is_what_keeps_it_red(run_suite: RunSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunEnd, "_keep_honest", lambda self, session: None)
    assert run_suite(UNSERIALISABLE, "-n1").ret == 0  # what pytest-xdist does by itself


def test_a_worker_that_crashes_fails_the_run(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        import os

        def test_it(assert_no_replication):
            assert_no_replication("photos/unrelated", threshold=0.9)
            os._exit(1)
        """,
        "-n1",
    )
    assert result.ret == 1


def test_checks_that_get_lost_on_the_way_fail_the_run(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        def pytest_report_from_serializable(config, data):
            data.pop("replication_rows", None)
        """
    )
    result = run_suite(PASSING, "-n1")
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stdout.fnmatch_lines(["ERROR: 1 checks were made but only 0 arrived: some were lost"])


def test_an_internal_error_is_never_green(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        def pytest_runtest_logfinish():
            raise RuntimeError("a hook of somebody else")
        """
    )
    assert run_suite(PASSING).ret == pytest.ExitCode.INTERNAL_ERROR


def test_junit_counts_the_failure_and_carries_the_message(
    run_suite: RunSuite, pytester: pytest.Pytester
) -> None:
    result = run_suite(PASSING + FAILING, "--junit-xml=junit.xml")
    assert result.ret == 1
    (suite,) = ET.parse(pytester.path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    failure = suite.find(".//failure")
    assert failure is not None
    assert "20 of 20 samples replicate training images" in str(failure.get("message"))


def test_maxfail_and_last_failed_work(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    first = run_suite(FAILING + PASSING, "-x", "-p", "cacheprovider")
    assert first.parseoutcomes().get("failed") == 1
    again = pytester.runpytest_inprocess("--lf")
    assert again.ret == 1


@pytest.mark.parametrize("when", ["setup", "teardown"])
def test_a_broken_gate_in_a_fixture_is_an_error(run_suite: RunSuite, when: str) -> None:
    before, after = ("broken()", "pass") if when == "setup" else ("pass", "broken()")
    result = run_suite(
        f"""
        import pytest
        from pytest_replication import assert_no_replication

        def broken():
            assert_no_replication([], 0.9)

        @pytest.fixture
        def gate():
            {before}
            yield
            {after}

        def test_it(gate):
            pass
        """
    )
    assert result.ret == 1
    assert result.parseoutcomes().get("errors") == 1


def test_lost_checks_are_noticed_without_xdist_too(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logreport(report):
            report.replication_rows = []
        """
    )
    assert run_suite(PASSING, *WITHOUT_XDIST).ret == pytest.ExitCode.INTERNAL_ERROR


def test_xdist_that_is_loaded_by_its_module_is_guarded_too(
    pytester: pytest.Pytester, built_pixels: Path, unrelated: Path
) -> None:
    pytester.makeconftest(
        """
        def pytest_report_from_serializable(config, data):
            data.pop("replication_rows", None)
        """
    )
    pytester.makepyfile(PASSING.replace("photos/unrelated", str(unrelated)))
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "xdist.plugin", "-p", "pytest_replication.plugin", "-n1"]
    done = subprocess.run(
        [*command, f"--replication-index={built_pixels}"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 3
    assert "some were lost" in done.stdout


def test_a_context_that_was_copied_in_an_earlier_test_asks_for_the_test_of_today(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        import contextvars
        import pytest
        from pytest_replication import assert_no_replication

        kept = []

        @pytest.mark.replication(threshold=1.0)
        def test_first():
            kept.append(contextvars.copy_context())

        def test_second():
            kept[0].run(assert_no_replication, "photos/unrelated")
        """,
        "--replication-threshold=0.2",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAIL *::test_second * threshold 0.2 (command line)*"])


def test_pairs_of_checks_that_do_not_pass_are_drawn(
    run_suite: RunSuite, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        PASSING
        + FAILING
        + """
    def test_measured(check_replication):
        check_replication("photos/training", threshold=0.9)
        check_replication("photos/unrelated", threshold=0.9)
        check_replication("photos/training", threshold=0.8)
"""
    )
    pytester.makeini("[pytest]\nreplication_pictures = drawn/of run")
    result = run_suite(code)
    result.assert_outcomes(passed=2, failed=1)
    drawn = sorted((pytester.path / "drawn" / "of run").iterdir())
    tests = ["test-copies", "test-measured", "test-measured"]
    assert [path.name.split("-py-")[1][: len(test)] for path, test in zip(drawn, tests, strict=True)] == tests
    told = [line for line in result.outlines if line.startswith("      pictures: ")]
    assert sorted(told) == [f"      pictures: {path}" for path in drawn]
    with Image.open(drawn[0]) as image:
        assert image.size == (5 * (2 * SIDE + 6) - 6, 4 * (SIDE + 14))
    monkeypatch.setattr(run, "MOST_DRAWN", 1)
    result = run_suite(code, "--replication-pictures=first")
    assert len(list((pytester.path / "first").iterdir())) == 1


def test_pictures_that_cannot_be_written_are_an_error(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("file").touch()
    result = run_suite(FAILING, "--replication-pictures=file")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the folder *file of --replication-pictures cannot be made*"])
