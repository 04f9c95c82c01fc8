"""``--replication-gate``: ready tests, in repositories that have none of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_replication import read_results

from .conftest import WITHOUT_XDIST

READY = "replication gate::no_replication"
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def gate(pytester: pytest.Pytester, built_pixels: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a gate of ready samples in a folder without tests, against the shared index unless told otherwise."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(
        *args: str,
        samples: str | None = "unrelated",
        index: Path | None = built_pixels,
        named: str | None = "",
    ) -> pytest.RunResult:
        given = [] if index is None else [f"--replication-index={index}"]
        given += [] if samples is None else [f"--replication-samples=photos/{samples}"]
        given += [] if named is None else [f"--replication-gate={named}" if named else "--replication-gate"]
        rest = args if {"-n1", "no:xdist"} & {*args} else (*WITHOUT_XDIST, *args)
        return pytester.runpytest_inprocess(
            "-p", "no:cacheprovider", "--replication-threshold=0.9", *given, *rest
        )

    return run


def test_a_gate_without_any_test(gate: Run) -> None:
    result = gate("-v")
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*collected 1 item", f"{READY} PASSED*", f"PASS  {READY}  0 of 11 replicated*"]
    )


def test_a_gate_that_fails(gate: Run, across: tuple[str, ...]) -> None:
    result = gate(*across, samples="training")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["ReplicationDetected: 20 of 20 samples*", f"FAILED {READY}*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_findings_of_a_ready_test_are_placed_where_the_gate_is_asked_for(
    gate: Run, pytester: pytest.Pytester
) -> None:
    pytester.makeini("[pytest]\nminversion = 8\nreplication_gate = no_replication\n")
    assert gate("--replication-report=out", samples="training", named=None).ret == 1
    (check,) = read_results(pytester.path / "out").checks
    assert (check["test_file"], check["test_line"]) == ("tox.ini", 3)


def test_all_ready_tests_beside_others(gate: Run, pytester: pytest.Pytester, built_guarded: Path) -> None:
    pytester.makepyfile("def test_own(): pass")
    result = gate(
        "-v", "--replication-max-rate=0.5", index=built_guarded, named="control, rate,no_replication"
    )
    result.assert_outcomes(passed=4)
    assert result.ret == 0
    result.stdout.fnmatch_lines_random(  # pytest-randomly may be there
        ["*::test_own PASSED*", "*::control PASSED*", "*::rate PASSED*", "*::no_replication PASSED*"]
    )


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"index": None}, "IndexNotFound: there is no index to check against"),
        ({"samples": None}, "SettingsError: there is no model under test"),
        ({"named": "rate"}, "SettingsError: the gate rate proves a rate, and none is claimed"),
        ({"named": "control"}, "ControlFailed: a control is to be checked, and no canaries were planted"),
    ],
)
def test_what_a_gate_lacks_is_an_error(gate: Run, args: dict[str, str | None], told: str) -> None:
    result = gate("--replication-missing=skip", **args)  # no ready test is skipped
    result.assert_outcomes(errors=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"{told}*"])


def test_a_threshold_is_missed_before_samples_are_made(pytester: pytest.Pytester, built_pixels: Path) -> None:
    pytester.makepyfile(model="def generate(seeds): raise SystemExit('made')")
    pytester.syspathinsert()
    result = pytester.runpytest_inprocess(
        *WITHOUT_XDIST,
        f"--replication-index={built_pixels}",
        "--replication-model=model:generate",
        "--replication-gate",
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["ThresholdMissing:*"])


def test_a_gate_that_is_left_out_is_not_green(gate: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_own(): pass")
    for args in (("-k", "own"), ("-m", "not_there"), ("--deselect", READY)):
        result = gate(*args)
        assert result.ret != 0, args
        result.stdout.fnmatch_lines([f"*{READY} was left out of this run*"])


def test_a_gate_of_the_ini_file_that_is_left_out_is_told(gate: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_own(): pass")
    pytester.makeini("[pytest]\nreplication_gate = true")
    result = gate("-k", "own", named=None)
    result.assert_outcomes(passed=1, deselected=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"WARNING: {READY} was left out of this run*"])
    assert gate("-k", "own", "--replication-require-checks", named=None).ret == 1
    assert gate("-k", "own", named="off").ret == 0


def test_a_gate_that_something_skips_is_not_green(gate: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        def pytest_runtest_setup(item):
            pytest.skip("not today")
        """
    )
    result = gate()
    result.assert_outcomes(skipped=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"ERROR: {READY} was skipped, or checked nothing*"])


def test_settings_in_pyproject_and_fixtures_of_a_conftest(
    pytester: pytest.Pytester, photos: Path, built_pixels: Path
) -> None:
    pytester.makepyprojecttoml(
        f"""
        [tool.pytest.ini_options]
        replication_index = "{built_pixels}"
        replication_threshold = "0.9"
        replication_max_rate = "0.5"
        replication_gate = ["no_replication", "rate"]
        """
    )
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def replication_samples():
            return "photos/unrelated"
        """
    )
    result = pytester.runpytest_inprocess(*WITHOUT_XDIST)
    result.assert_outcomes(passed=2)
    assert result.ret == 0


def test_names_that_are_none(gate: Run, pytester: pytest.Pytester) -> None:
    result = gate(named="no_replicaton")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*'no_replicaton' is none of no_replication, rate, control (did you mean*"])
    pytester.mkdir("suite")
    result = gate("--replication-gate", "suite", named=None)
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*paths in front of it*"])


def test_looking_is_no_gate(gate: Run) -> None:
    result = gate("--collect-only", "-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines([READY])


def test_a_ready_test_that_is_skipped_is_red_and_says_why(gate: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(autouse=True)
        def gpu():
            pytest.skip("no gpu")
        """
    )
    result = gate("-rs")
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"ERROR: {READY} was skipped, or checked nothing*", "*no gpu*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_a_ready_test_that_was_marked_to_be_skipped_is_red(gate: Run, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.skip(reason="not today"))
        """
    )
    result = gate()
    assert result.ret == 1
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
