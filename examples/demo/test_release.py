"""The suite of a model's repository: two sets of samples, two tests."""

from pathlib import Path

PHOTOS = Path(__file__).parents[2] / "fixtures" / "photos"
COPIES = Path(__file__).parents[2] / ".demo" / "copies"


def test_unrelated_photographs(assert_no_replication):
    assert_no_replication(PHOTOS / "unrelated", threshold=0.5)


def test_edited_copies(assert_no_replication):
    assert_no_replication(COPIES, threshold=0.5)
