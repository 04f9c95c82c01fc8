"""The samples of the night, against the photographs that the model was trained on."""


def test_no_photograph_comes_back(replication_samples, assert_no_replication):
    assert_no_replication(replication_samples, threshold=0.5)
