from __future__ import annotations

from made_results import made_check, made_results

from pytest_replication.reports.headlines import headline
from pytest_replication.results.private import without_private


def test_headlines():
    assert headline(made_check()) == "3 of 256 samples replicate training images"
    assert headline(made_check(outcome="pass")).startswith(
        "none of 256 samples replicates a training image (highest"
    )
    assert headline(made_check(message="", kind="set", story="a story")) == "a story"
    assert headline(made_check(message="", kind="extraction", cells=["a", "b"])) == "a, b"
    private = without_private(made_results(made_check(kind="set", story="a story", cells=["a", "b"])).data)
    assert headline(private["checks"][0]) == "what it said was left out"
