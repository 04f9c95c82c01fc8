"""What counts as something that broke down."""

from __future__ import annotations

import asyncio

import pytest

from pytest_replication.errors import IndexNotFound, is_breakage


class PanicException(BaseException):
    """As a library in Rust raises it."""


PanicException.__module__ = "pyo3_runtime"


@pytest.mark.parametrize(
    ("error", "breakage"),
    [
        (IndexNotFound("none"), True),
        (ZeroDivisionError(), True),
        (SystemExit(0), True),
        (PanicException("index out of bounds"), True),
        (KeyboardInterrupt(), False),
        (GeneratorExit(), False),
        (asyncio.CancelledError(), False),
        (pytest.skip.Exception("no"), False),
        (pytest.fail.Exception("timeout"), False),
    ],
    ids=repr,
)
def test_interruptions_and_ends_of_tests_are_no_breakage(error: BaseException, breakage: bool) -> None:
    assert is_breakage(error) == breakage
