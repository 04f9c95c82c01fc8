"""Assertions about sets as users meet them: fixtures, outcomes, the table, with and without xdist."""

from __future__ import annotations

import json

import pytest

from .conftest import RunSuite

SUITE = """
    import pytest
    from pytest_replication import Inconclusive, Samples

    def test_percentile(assert_percentile_below):
        with pytest.raises(Inconclusive):
            assert_percentile_below("photos/unrelated", 95, 0.9)

    def test_repeats(assert_no_duplicates_within):
        assert_no_duplicates_within("photos/unrelated", 0.95, name="unrelated")

    def test_training_images(assert_percentile_below):
        assert_percentile_below("photos/training", 50, 0.9)

    def test_holdout(assert_not_closer_than_holdout):
        assert_not_closer_than_holdout("photos/training", holdout="photos/unrelated")

    def test_copying(assert_no_data_copying):
        assert_no_data_copying("photos/training", holdout="photos/unrelated")

    def test_leak(assert_no_leak):
        assert_no_leak("photos/training", "photos/unrelated", 0.95, embedder="pixels")

    def test_rate(assert_replication_rate_below):
        samples = Samples.of("photos/unrelated", prompts=[f"p{i}" for i in range(11)])
        assert_replication_rate_below(samples, 0.3, 0.9, per="prompt")
"""


@pytest.mark.parametrize(
    "across", [("-p", "no:xdist"), pytest.param(("-n1",), marks=pytest.mark.slow)], ids=["no-xdist", "n1"]
)
def test_every_assertion_is_a_fixture_and_stands_in_the_table(
    run_suite: RunSuite, across: tuple[str, ...]
) -> None:
    result = run_suite(SUITE, *across)
    result.assert_outcomes(passed=4, failed=2, errors=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines_random(
        [
            "*= replication =*",
            "FAIL *::test_holdout *20 samples *assert_not_closer_than_holdout *closer to the training images*",
            "FAIL *::test_training_images *20 samples *assert_percentile_below *not below 0.9",
            "INCONCLUSIVE *::test_copying *20 samples *assert_no_data_copying *inconclusive: *",
            "INCONCLUSIVE *::test_percentile *11 samples *assert_percentile_below *",
            "PASS *::test_repeats ?unrelated? *assert_no_duplicates_within *0 of 11 samples repeat another*",
            "PASS *::test_leak ?leak? * 0 of 11 replicated *",
            "PASS *::test_rate * 0 of 11 replicated *rate of prompts <= 23.8 %, max rate 30 %",
            "index *: 20 training images, pixels",
            "*ReplicationDetected: 20 samples are closer to the training images than the hold-out*",
        ]
    )
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_those_that_search_the_index_count_as_checks(run_suite: RunSuite) -> None:
    code = """
        def test_percentile(assert_percentile_below):
            assert_percentile_below("photos/unrelated", 50, 0.99)
    """
    result = run_suite(code, "--replication-require-checks")
    result.assert_outcomes(passed=1)
    assert result.ret == 0


def test_a_broken_gate_stays_an_error(run_suite: RunSuite) -> None:
    result = run_suite(
        """
        import pytest

        @pytest.mark.parametrize("value", [0.5, float("nan")])
        def test_swallowed(assert_percentile_below, value):
            try:
                assert_percentile_below([] if value == 0.5 else "photos/unrelated", 95, value)
            except Exception:
                raise ValueError("mine")
        """
    )
    result.assert_outcomes(errors=2)


def test_data_of_a_set_is_plain(run_suite: RunSuite, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import json

        def pytest_runtest_logreport(report):
            for row in getattr(report, "replication_rows", []):
                print("ROW", json.dumps(row))
        """
    )
    result = run_suite(
        """
        def test_holdout(assert_not_closer_than_holdout):
            assert_not_closer_than_holdout("photos/training", holdout="photos/unrelated")
        """,
        "-s",
    )
    (line,) = [line for line in result.outlines if "ROW " in line]
    row = json.loads(line.partition("ROW ")[2])
    assert (row["kind"], row["outcome"], row["samples"], row["holdout"]) == ("set", "fail", 20, 11)
    assert [finding["name"] for finding in row["findings"]] == ["whole", "tail"]
    assert row["findings"][0]["numbers"]["superiority"] == 1
    assert row["index"]["embedder"] == "pixels"
