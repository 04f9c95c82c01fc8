"""Nothing that the release makes is a training image."""


def test_no_training_image_comes_back(replication_samples, assert_no_replication):
    assert_no_replication(replication_samples)


def test_no_training_image_comes_back_pixel_by_pixel(replication_samples, assert_no_extraction):
    assert_no_extraction(replication_samples, "ratio")
