"""What a test will do first, so that hours of sampling do not end in a threshold that nobody set."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

import pytest

_CHECKS = ("assert_no_replication", "check_replication")
_SAMPLES = "replication_samples"
_HARMLESS = frozenset({"max_rate", "confidence", "top_k", "allow_unproved", "name", "complexity", "objects"})
"""Arguments that leave index, threshold and canaries to the run."""


def judges_first(item: pytest.Item) -> bool:
    """Whether the first thing that a test does is to check its samples by the settings of the run.

    A call may give its own threshold, so that only then it is certain before samples are drawn which one
    decides: where ``assert_no_replication(replication_samples)`` is the first statement of the test, and that
    is the function of this package.
    """
    function = getattr(item, "function", None)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError, ValueError):
        return False
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        return False
    body = tree.body[0].body
    if ast.get_docstring(tree.body[0]) is not None:
        body = body[1:]
    first = body[0] if body else None
    name = _check(first.value) if isinstance(first, (ast.Expr, ast.Assign)) else None
    return name is not None and _is_ours(item, function, name)


def _check(call: ast.expr) -> str | None:
    """The name of the function that is called, if it is called as a check of the samples of the run."""
    if (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in _CHECKS
        and [arg.id if isinstance(arg, ast.Name) else None for arg in call.args] == [_SAMPLES]
        and all(keyword.arg in _HARMLESS for keyword in call.keywords)
    ):
        return call.func.id
    return None


def _is_ours(item: pytest.Item, function: Any, name: str) -> bool:
    """Whether a name is our fixture or function: a suite may have one of its own with a threshold inside."""
    if name in getattr(item, "fixturenames", ()):
        info = getattr(item, "_fixtureinfo", None)
        found = [one.func for one in getattr(info, "name2fixturedefs", {}).get(name, ())][-1:]
    else:
        found = [getattr(function, "__globals__", {}).get(name)]
    return [getattr(one, "__module__", "").partition(".")[0] for one in found] == ["pytest_replication"]
