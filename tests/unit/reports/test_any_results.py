"""Whatever is taken for results can be shown: no renderer breaks down on what passes for sound."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st
from made_results import made_check, made_pair, made_results

from pytest_replication._cli.report import told
from pytest_replication.reports.annotations import workflow_commands
from pytest_replication.reports.gitlab import gitlab
from pytest_replication.reports.html import html_report
from pytest_replication.reports.junit import junit
from pytest_replication.reports.markdown import summary
from pytest_replication.reports.model_card import model_card
from pytest_replication.reports.sarif import sarif
from pytest_replication.results import Results
from pytest_replication.results.private import without_private
from pytest_replication.results.sound import require_sound

RENDERERS = (summary, junit, sarif, gitlab, model_card, workflow_commands, told)
MEASURED = {"replicated": 0, "samples": 64, "rate": 0.0}
CHANGE = {"id": "a", "change": "worse", "old": MEASURED, "new": MEASURED, "new_images": [{"id": "b"}]}
WHOLE = made_results(
    made_check(
        accepted={
            "file": "f",
            "day": "d",
            "entries": 1,
            "matches": [made_pair()],
            "expired": [],
            "unused": [],
        },
        undecided_pairs=[made_pair(part={"points": 3})],
        test_line=3,
    ),
    made_check(2, kind="set", story="a story", cells=["a", "b", "c"], warnings=["w"], message=""),
    faults=["lost"],
    caught=["t.py::c"],
    errors=[{"test": "t.py::a", "message": "m"}],
    skipped=[{"test": "t.py::b", "message": "m"}],
    baseline={"outcome": "fail", "checks": [CHANGE], "missing": ["a"], "added": []},
)
VALUES = (None, "x", [], {}, 1, 1.5, -5, True, ["a"], {"a": 1}, 10**400, 10**299, float("inf"), [None], [[]])


def places(data, above=()):
    """Paths of all values of plain data."""
    for name, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*above, name)
        if isinstance(value, dict | list):
            yield from places(value, (*above, name))


@given(st.sampled_from(sorted(places(WHOLE.data), key=str)), st.sampled_from(VALUES))
def test_what_is_sound_can_be_shown(place, value):
    data = copy.deepcopy(WHOLE.data)
    *parents, last = place
    into = data
    for name in parents:
        into = into[name]
    into[last] = value
    try:
        require_sound(data)
    except ValueError:
        return
    for results in (Results(WHOLE.path, data), Results(WHOLE.path, without_private(data))):
        for render in RENDERERS:
            assert render(results)
        assert html_report(results, budget=10**7)
