"""Ten images of each class; at most one in five may look like a training image."""

import pytest

CLASSES = [str(number) for number in range(10)]


@pytest.fixture(scope="module")
def samples(replication_model):
    return replication_model.sample(100, labels=[label for label in CLASSES for _ in range(10)])


def test_few_samples_look_like_training_images(samples, assert_no_replication):
    assert_no_replication(samples, max_rate=0.2)


def test_every_class_was_made(samples):
    assert {str(label) for label in samples.labels} == set(CLASSES)
