"""No two training images have one name."""

from __future__ import annotations

import pytest

from pytest_replication.results.image_names import lasting_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((None, "/web/emb.npy#0", "emb.npy#0"), (None, "/lora/emb.npy#0", "emb.npy#0")),
        ((None, "a.jpg", "1"), (None, "b.jpg", "1")),
        ((None, "s3://bucket/a.tar", "1"), (None, "s3://bucket/a.tar", "2")),
        ((None, "a", "b c"), (None, "a b", "c")),
        (("ab", "a.jpg", "1"), (None, "ab", "")),
    ],
)
def test_images_that_differ_in_anything_have_two_names(
    one: tuple[object, object, object], other: tuple[object, object, object]
) -> None:
    assert lasting_name(*one) != lasting_name(*other)
    assert lasting_name(*one) == lasting_name(*one)


def test_a_file_is_the_same_wherever_it_lies() -> None:
    assert (
        lasting_name("ab", "/here/a.jpg", "a") == lasting_name("ab", "/there/b.jpg", "b") == ("sha256", "ab")
    )
