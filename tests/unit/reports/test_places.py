from __future__ import annotations

import pytest
from made_results import made_check

from pytest_replication.reports.places import place, relative


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "C:/x.py", "../x.py", "a/../../x.py", "a\\b.py", "a\nb.py", "", None]
)
def test_a_place_outside_the_repository_is_none(path):
    assert relative(path) == ""


def test_the_place_of_a_check():
    assert place(made_check(test_file="a/b.py", test_line=7)) == ("a/b.py", 7)
    assert place(made_check()) == ("tests/test_gate.py", 1)
    assert place(made_check(test="replication gate::no_replication", test_file=".")) == ("", 1)
    assert place(made_check(test="samples/")) == ("", 1)
    assert place(made_check(test_file="a.py", test_line=-3)) == ("a.py", 1)
    assert place(made_check(test_file="a.py", test_line=True)) == ("a.py", 1)
