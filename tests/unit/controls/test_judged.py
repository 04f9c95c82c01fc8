"""Canaries that were measured once are judged at other thresholds as a new check would draw them."""

from __future__ import annotations

from pytest_replication.controls import judge_control
from pytest_replication.index import Record
from pytest_replication.search import Match
from pytest_replication.search.sightings import Sighting, Sightings


def seen(*scores: tuple[float, float | None]) -> Sightings:
    """Canaries by the score when they were planted, and now (None: their training image was not found)."""
    record = Record("t", "/t", "s", 1, 1)
    of = [
        Sighting(
            row, "grey", planted, None if now is None else Match(row, now, row, record, "whole", "whole")
        )
        for row, (planted, now) in enumerate(scores)
    ]
    return Sightings(tuple(of), stored=64, reachable=60, tried=100, found=90, allowance=0.001, absent="")


def test_canaries_that_cannot_reach_a_higher_threshold_control_nothing() -> None:
    control, failure = judge_control(seen((0.995, 0.995), (0.96, 0.96), (0.9705, 0.9705)), lambda match: 0.97)
    assert not failure
    assert (control.asked, control.found, control.beyond, control.reachable) == (1, 1, 2, 58)
    assert control.lowest == 0.995


def test_without_any_that_can_there_is_no_control() -> None:
    control, failure = judge_control(seen((0.95, 0.95), (0.96, 0.96)), lambda match: 0.97)
    assert (control.asked, control.beyond) == (0, 2)
    assert "they control one of up to 0.959; measure again" in failure


def test_a_canary_that_shows_that_something_is_wrong_counts_at_any_threshold() -> None:
    for wrong, said in (
        ((0.96, None), "did not lead"),
        ((0.96, 0.94), "scored otherwise"),
        ((0.96, 0.965), "by up"),
    ):
        control, failure = judge_control(seen((0.995, 0.995), wrong), lambda match: 0.97)
        assert said in failure
        assert (control.asked, control.beyond) == (2, 0)


def test_a_canary_that_reached_the_threshold_has_to_reach_it_now() -> None:
    _, failure = judge_control(seen((0.995, 0.995), (0.98, 0.96996), (0.98, 0.9)), lambda match: 0.97)
    assert "2 scored too little (down to 0.900)" in failure
    _, failure = judge_control(seen((0.995, 0.995), (0.98, 0.96996)), lambda match: 0.97)
    assert "1 scored too little (down to 0.96996)" in failure
    _, failure = judge_control(seen((0.995, 0.995), (0.98, 0.9)), lambda match: 0.97)
    assert "1 scored too little (down to 0.900)" in failure
