"""The suite of the model's repository: nothing that a release makes is one of the reference images."""


def test_no_reference_image_comes_back(replication_samples, assert_no_replication):
    assert_no_replication(replication_samples)
