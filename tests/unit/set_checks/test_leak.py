from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_replication import (
    Inconclusive,
    Index,
    Outcome,
    ReplicationDetected,
    Verdict,
    assert_no_leak,
    set_assertions,
)
from pytest_replication.check import measure
from pytest_replication.errors import SampleError, SourceError

from .conftest import Many


def test_two_sets_of_images_need_no_index(many: Many) -> None:
    verdict = assert_no_leak(many(0, 40), many(1000, 20), 0.95, embedder="pixels")
    assert verdict.matches.searched == 40
    assert verdict.matches.subject.index == "40 images of a list of Image, indexed for this check"
    with pytest.raises(ReplicationDetected, match="shares images with the training set.*: 3 of 23 samples"):
        assert_no_leak(many(0, 40), many(1000, 20) + many(5, 3), 0.95, embedder="pixels")


def test_an_index_may_be_the_training_set(made_up: Index, many: Many) -> None:
    for train in (made_up, made_up.path, str(made_up.path)):
        assert assert_no_leak(train, many(1000, 5), 0.95).passed
    with pytest.raises(ReplicationDetected):
        assert_no_leak(made_up, many(7, 1), 0.95)


def test_folders_are_taken(training: Path, unrelated: Path) -> None:
    assert assert_no_leak(training, unrelated, 0.95, embedder="pixels").samples == 11
    with pytest.raises(ReplicationDetected, match="training shares images with the training set") as caught:
        assert_no_leak(training, training, 0.95, embedder="pixels")
    assert "pytest-replication search" not in str(caught.value)


def test_what_cannot_be_told_is_no_leak(many: Many, monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(*args: Any, **settings: Any) -> Verdict:
        found = measure(*args, **settings)
        return replace(found, outcome=Outcome.INCONCLUSIVE, undecided=found.matches.best[:1])

    monkeypatch.setattr(set_assertions, "measure", undecided)
    told = "^whether a list of Image shares images with the training set a list of Image cannot be told: "
    with pytest.raises(Inconclusive, match=told) as caught:
        assert_no_leak(many(0, 3), many(1000, 2), 0.95, embedder="pixels")
    assert not isinstance(caught.value, AssertionError)


def test_what_cannot_be_compared_is_an_error(tmp_path: Path, many: Many) -> None:
    for train, test, error, message in (
        (tmp_path, many(0, 2), SourceError, f"^folder {tmp_path} holds no images"),
        ([], many(0, 2), SourceError, "^no training images: an empty list was given"),
        (many(0, 2), [], SampleError, "^an empty list holds no samples"),
    ):
        with pytest.raises(error, match=message):
            assert_no_leak(train, test, 0.95, embedder="pixels")
