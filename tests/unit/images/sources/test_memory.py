from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from pytest_replication.errors import SourceError
from pytest_replication.images.sources import open_source


def test_images_in_memory_are_a_source(picture: Callable[..., Image.Image]) -> None:
    source = open_source([picture(0), picture(1)])
    refs = list(source)
    assert [ref.id for ref in refs] == ["000000", "000001"]
    with Image.open(io.BytesIO(refs[1].read())) as image:
        assert np.array_equal(np.asarray(image), np.asarray(picture(1)))


def test_their_bytes_are_the_same_on_every_machine() -> None:
    (ref,) = open_source(np.full((1, 1, 2, 3), 7, np.uint8))
    assert ref.read() == b"P6\n2 1\n255\n" + b"\7" * 6


def test_no_images_in_memory_are_refused() -> None:
    with pytest.raises(SourceError, match="no training images"):
        open_source([])
