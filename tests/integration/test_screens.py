"""Screens in a run of pytest: they fail it, and never stand for a check of replication."""

from __future__ import annotations

import pytest

TESTS = """
from pushed import Pushed
from pytest_replication import ScreenOptions

CLEAN = [f"clean prompt {0.1 + number / 1000:.3f}" for number in range(99)]
GIVEN = {"clean_prompts": CLEAN, "options": ScreenOptions(seeds=1, steps=5, first=1, batch=32)}

def test_innocent(assert_prompts_not_memorized):
    assert_prompts_not_memorized(Pushed(), ["innocent 0.15"], **GIVEN)
"""
LOUD = """
def test_loud(assert_prompts_not_memorized):
    assert_prompts_not_memorized(Pushed(), ["memorised 0.9", "innocent 0.15"], name="risky", **GIVEN)
"""
FEW = """
def test_few(assert_prompts_not_memorized):
    assert_prompts_not_memorized(Pushed(), ["memorised 0.9"], **(GIVEN | {"clean_prompts": CLEAN[:98]}))
"""


def test_a_screen_that_passes_is_no_check_of_replication(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "PASS *::test_innocent*1 prompt*none of 1 prompt behaves as memorised ones do*",
            "*WARNING: no positive control*",
        ]
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--replication-require-checks")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*no check that was asserted compares samples with the index*"])


def test_flagged_prompts_fail_and_too_few_clean_ones_are_an_error(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS + LOUD + FEW)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines_random(
        [
            "*1 of 2 prompts behaves as memorised ones do (lowest p 0.01, noise-magnitude)",
            "*p 0.01  noise-magnitude *'memorised 0.9'",
            "*note * a screen of prompts: no image was compared with a training image*",
            "FAIL *::test_loud [[]risky[]]*2 prompts*",
            "*CalibrationError: 98 clean prompts cannot tell*give 99 or more*",
            "ERROR *::test_few*",
        ]
    )
