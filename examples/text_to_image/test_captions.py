"""What the model draws from captions of its own training set."""

import pytest

from pytest_replication import ReplicationDetected

DUPLICATED = ["A zebra.", "A rubber duck.", "A teapot."]


@pytest.mark.replication(prompts="captions", count=16)
def test_random_captions(replication_samples, assert_no_extraction):
    assert_no_extraction(replication_samples, "ratio")


@pytest.mark.replication(prompts=DUPLICATED, seeds_per_prompt=4)
@pytest.mark.xfail(raises=ReplicationDetected, strict=True, reason="these were in the training set 40 times")
def test_duplicated_pictures(replication_samples, assert_no_extraction):
    assert_no_extraction(replication_samples, "ratio")
